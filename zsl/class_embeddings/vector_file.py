"""Files of word vectors: word2vec (text, binary), GloVe, fastText (``.vec``, ``.bin``).

The format is recognised by the first bytes, not by the name of the file; gzip is decompressed. gensim reads the binary
formats. Text is read here, because gensim cannot read words that contain spaces (glove.840B has some) and ignores
lines beyond the number given in the header. Nothing is unpickled.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.class_embeddings import fasttext
from zsl.class_embeddings.fasttext import Subwords
from zsl.errors import InputError

_GZIP = b"\x1f\x8b"
_DEFLATE_AT_BEST = 1032
"""the largest number of bytes that one byte of a gzipped file can represent"""
LONGEST = 1 << 22
"""the largest number of bytes of a line; longer lines are split, and refused"""
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    EOFError,
    MemoryError,
    NotImplementedError,
    OSError,
    ValueError,
    struct.error,
    zlib.error,
)
"""exceptions that reading a damaged file can raise"""
_HEADER = re.compile(rb"(\d+) (\d+)\s*")
_PICKLE = re.compile(rb"\x80[\x02-\x05]|ccopy_reg\n|c[a-z_.]+\n[A-Za-z]+\n")


@dataclass(frozen=True)
class WordTable:
    """Words in the order of the file (by convention the most frequent first), with one vector per word."""

    words: list[str]
    vectors: Float32[Array, "words k"]
    subwords: Subwords | None = None


def read(path: Path) -> WordTable:
    """Read a file of word vectors; if a word occurs twice, keep the first vector.

    Raises:
        InputError: the file is a pickle, of unknown format, truncated, ragged, or has numbers that are not finite.
    """
    try:
        table = _read(path)
    except InputError:
        raise
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"word vectors {path}: cannot be read ({reason}); fetch or convert the file again") from error
    if not table.words:
        raise InputError(f"word vectors {path}: the file has no words; fetch it again")
    for what in (table.vectors, *([table.subwords.ngrams] if table.subwords else [])):
        finite = np.isfinite(what).all(axis=1)
        if not finite.all():
            where = int(finite.argmin())
            name = f"the vector of {table.words[where]!r}" if what is table.vectors else f"row {where} of the n-grams"
            raise InputError(f"word vectors {path}: {name} is not finite; fetch the file again")
    return table


def _read(path: Path) -> WordTable:
    with _open(path) as file:
        start = file.read(1 << 20).removeprefix(BOM_UTF8)
    if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise InputError(f"word vectors {path}: text in UTF-16; save it as UTF-8")
    if _PICKLE.match(start):
        raise InputError(
            f"word vectors {path}: a pickle (gensim's save format) can run any code and is not opened; "
            "save the vectors with save_word2vec_format(...) and give that file"
        )
    if start.startswith(fasttext.MAGIC):
        return WordTable(*fasttext.read(path))
    first, _, body = start.partition(b"\n")
    header = _HEADER.fullmatch(first)
    if header is None:
        return _text(path, None, None)
    count, width = int(header[1]), int(header[2])
    return _text(path, count, width) if _looks_like_text(body, width) else _word2vec(path, count, width)


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if _gzipped(path) else path.open("rb")


def _gzipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def _looks_like_text(body: bytes, width: int) -> bool:
    """Tell whether the last fields of the first line are numbers."""
    fields = body.partition(b"\n")[0].decode(errors="replace").split()
    try:
        return all(float(field) == float(field) for field in fields[max(len(fields) - width, 1) :])
    except ValueError:
        return False


def _text(path: Path, count: int | None, width: int | None) -> WordTable:
    words: dict[str, None] = {}
    numbers = bytearray()
    read = 0
    with _open(path) as file, np.errstate(over="ignore"):
        for number, line in enumerate(iter(partial(file.readline, LONGEST), b""), start=1):
            if number == 1:
                line = line.removeprefix(BOM_UTF8)
            text = line.decode(errors="replace").rstrip()
            if (number == 1 and count is not None) or not text:
                continue
            width = text.count(" ") if width is None else width
            word, vector = _word_and_vector(text, width)
            if vector is None:
                raise InputError(
                    f"word vectors {path}: line {number} is not a word and {width or 'some'} numbers; give a complete "
                    "word2vec, GloVe or fastText file"
                )
            read += 1
            if word not in words:
                words[word] = None
                numbers += vector.tobytes()
    if count is not None and read != count:
        raise InputError(f"word vectors {path}: the first line says {count} words, the file has {read}; fetch it again")
    return WordTable(list(words), np.frombuffer(numbers, dtype=np.float32).reshape(len(words), width or 0))


def _word_and_vector(line: str, width: int) -> tuple[str, Float32[Array, " k"] | None]:
    word, *fields = line.rsplit(" ", width)
    try:
        vector = np.array(fields, dtype=np.float32)
    except ValueError:
        return word, None
    return word, vector if word and len(vector) == width > 0 else None


def _require_end(path: Path, count: int, width: int) -> None:
    """Refuse a file with more than the words that its first line counts, as gensim leaves the rest unread."""
    with _open(path) as file:
        file.readline()
        held, at = b"", 0
        for _ in range(count):
            while (space := held.find(b" ", at)) < 0 or space + 1 + 4 * width > len(held):
                more = file.read(1 << 24)
                if not more or len(held) - at > LONGEST + 4 * width:
                    return  # too short, or no words, as gensim says itself
                held, at = held[at:] + more, 0
            at = space + 1 + 4 * width
        if (held[at:] + file.read(2)).strip(b"\r\n"):
            raise InputError(
                f"word vectors {path}: the first line says {count} words × {width} numbers, the file has more; "
                "fetch it again"
            )


def _word2vec(path: Path, count: int, width: int) -> WordTable:
    from gensim.models import KeyedVectors

    holds = path.stat().st_size * (_DEFLATE_AT_BEST if _gzipped(path) else 1)
    if count * (4 * width + 2) > holds or width == 0:
        raise InputError(
            f"word vectors {path}: the first line says {count} words × {width} numbers, which the file cannot hold; "
            "fetch it again"
        )
    if _gzipped(path) != (path.suffix == ".gz"):
        raise InputError(f"word vectors {path}: the suffix does not match the content; use .gz for gzipped files only")
    _require_end(path, count, width)
    vectors = KeyedVectors.load_word2vec_format(str(path), binary=True, unicode_errors="replace")
    return WordTable(vectors.index_to_key, vectors.vectors)
