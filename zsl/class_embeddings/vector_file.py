"""Word vectors as people keep them in files: word2vec (text, binary), GloVe, fastText (``.vec``, ``.bin``), gzipped or not.

The format is told from the first bytes, not from the name of the file. gensim reads the binary ones. Text is read here,
because gensim cannot read words that hold spaces (glove.840B has some), and does not notice lines beyond the announced
number. Nothing is ever unpickled.
"""

from __future__ import annotations

import gzip
import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.errors import InputError

_GZIP = b"\x1f\x8b"
_FASTTEXT = struct.pack("<i", 793712314)
_HEADER = re.compile(rb"(\d+) (\d+)\s*")
_PICKLE = re.compile(rb"\x80[\x02-\x05]|ccopy_reg\n|\(i|c[a-z_.]+\n[A-Za-z]+\n")


@dataclass(frozen=True)
class Subwords:
    """What fastText knows of words it has never met: the vectors of letter n-grams, found by hash."""

    ngrams: Float32[Array, "buckets k"]
    shortest: int
    longest: int

    def vector(self, word: str) -> Float32[Array, " k"] | None:
        """The mean over the n-grams of ``<word>``; none where there are no n-grams."""
        from gensim.models.fasttext import ft_ngram_hashes

        if not len(self.ngrams):
            return None
        rows = ft_ngram_hashes(word, self.shortest, self.longest, len(self.ngrams))
        return self.ngrams[rows].mean(0) if rows else None


@dataclass(frozen=True)
class WordTable:
    """Words in the order of the file (by convention the most frequent first), one vector each."""

    words: list[str]
    vectors: Float32[Array, "words k"]
    subwords: Subwords | None = None


def read(path: Path) -> WordTable:
    """All of a file of word vectors.

    Raises:
        InputError: the file is a pickle, of no known format, cut short, ragged, or holds numbers that are not finite.
    """
    try:
        with _open(path) as file:
            start = file.read(1 << 16)
        table = _reader(path, start)
    except (OSError, EOFError, ValueError, AssertionError, NotImplementedError, struct.error, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"word vectors {path}: cannot be read ({reason}); fetch or convert the file again") from error
    if not len(table.words):
        raise InputError(f"word vectors {path}: the file holds no word; fetch it again")
    bad = ~np.isfinite(table.vectors).all(1)
    if bad.any():
        raise InputError(
            f"word vectors {path}: the vector of {table.words[int(bad.argmax())]!r} is not finite; fetch the file again"
        )
    return table


def _reader(path: Path, start: bytes) -> WordTable:
    if _PICKLE.match(start):
        raise InputError(
            f"word vectors {path}: a pickle (gensim's own save format) can run any code and is not opened; "
            "in a session you trust, write it with save_word2vec_format(...) and give that file"
        )
    if start.startswith(_FASTTEXT):
        return _fasttext(path)
    header = _HEADER.fullmatch(start.partition(b"\n")[0])
    if header is None:
        return _text(path, None, None)
    count, width = int(header[1]), int(header[2])
    if _looks_like_text(start.partition(b"\n")[2], width):
        return _text(path, count, width)
    return _word2vec(path, count, width)


def _looks_like_text(body: bytes, width: int) -> bool:
    """Whether the first line (or what there is of it) is UTF-8 with a number in second place."""
    line = body.partition(b"\n")[0]
    with suppress(ValueError):
        fields = line[: max(line.rfind(b" "), 0)].decode().split() if len(line) == len(body) else line.decode().split()
        return all(np.isfinite(float(field)) for field in fields[max(len(fields) - width, 1) :])
    return False


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                yield number, line.decode().rstrip()
            except UnicodeDecodeError:
                raise InputError(
                    f"word vectors {path}: line {number} is not UTF-8 text, and the file is in no binary format known "
                    "here; give a word2vec, GloVe or fastText file"
                ) from None


def _text(path: Path, count: int | None, width: int | None) -> WordTable:
    words: dict[str, None] = {}
    numbers = bytearray()
    read = 0
    for number, line in _lines(path):
        if (number == 1 and count is not None) or not line:
            continue
        width = width or line.count(" ")
        word, *fields = line.rsplit(" ", width)
        try:
            vector = np.array(fields, dtype=np.float32)
        except ValueError:
            vector = np.empty(0)
        if not word or len(vector) != width or width == 0:
            raise InputError(
                f"word vectors {path}: line {number} is not a word and {width} numbers; repair or fetch the file again"
            )
        read += 1
        if word not in words:
            words[word] = None
            numbers += vector.tobytes()
    if count is not None and read != count:
        raise InputError(f"word vectors {path}: the first line says {count} words, the file has {read}; fetch it again")
    return WordTable(list(words), np.frombuffer(numbers, dtype=np.float32).reshape(len(words), width or 0))


def _word2vec(path: Path, count: int, width: int) -> WordTable:
    from gensim.models import KeyedVectors

    with _open(path) as file:
        size = file.seek(0, 2)
    if count * (4 * width + 2) > size:
        raise InputError(
            f"word vectors {path}: the first line says {count} words × {width} numbers, more than the file holds; "
            "fetch it again"
        )
    vectors = KeyedVectors.load_word2vec_format(str(path), binary=True)
    return WordTable(vectors.index_to_key, vectors.vectors)


def _fasttext(path: Path) -> WordTable:
    from gensim.models.fasttext import load_facebook_vectors

    _whole_fasttext(path)
    vectors = load_facebook_vectors(str(path))
    return WordTable(
        vectors.index_to_key, vectors.vectors, Subwords(vectors.vectors_ngrams, vectors.min_n, vectors.max_n)
    )


def _whole_fasttext(path: Path) -> None:
    """Walk the vocabulary up to the matrix behind it: in a file cut short, gensim would search for its end for ever.

    Layout: 2 + 12 int32, 1 double, then int32 words, all, labels; int64 tokens, pruned; per word its bytes, a zero byte,
    int64 count, int8 kind; then bool, int64 rows, int64 columns, and rows × columns float32.
    """
    with path.open("rb") as file:
        if file.read(2) == _GZIP:
            raise InputError(f"word vectors {path}: a gzipped fastText model; gunzip it first")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            entries, _, _, _, pruned = struct.unpack_from("<3i2q", data, 64)
            at = 92
            for _ in range(entries):
                at = data.find(b"\0", at) + 1
                if at == 0:
                    raise EOFError("the vocabulary is cut short")
                at += 9
            rows, columns = struct.unpack_from("<2q", data, at + 8 * max(pruned, 0) + 1)
            if at + 4 * rows * columns > len(data) or rows < entries or columns < 1:
                raise EOFError("the matrix is cut short")
