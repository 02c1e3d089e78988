"""fastText ``.bin`` models: word vectors, and vectors of letter n-grams for unknown words [Bojanowski2017]."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float32
from numpy import ndarray as Array

MAGIC = struct.pack("<i", 793712314)


@dataclass(frozen=True)
class Subwords:
    """v_w = 1/|G_w| Σ_{g ∈ G_w} z_g over the n-grams g of ``<w>``, found by hash in a table of ``buckets`` rows."""

    ngrams: Float32[Array, "buckets k"]
    shortest: int
    longest: int

    def vector(self, word: str) -> Float32[Array, " k"] | None:
        """Return the mean over the n-grams of a word, or None if it has no n-grams."""
        from gensim.models.fasttext import ft_ngram_hashes

        if not len(self.ngrams):
            return None
        rows = ft_ngram_hashes(word, self.shortest, self.longest, len(self.ngrams))
        return self.ngrams[rows].mean(axis=0) if rows else None


def read(path: Path) -> tuple[list[str], Float32[Array, "words k"], Subwords]:
    """Read the words, their vectors, and the n-gram vectors for other words.

    Raises:
        EOFError, ValueError, NotImplementedError, struct.error: the file is truncated or of another kind.
    """
    from gensim.models.fasttext import load_facebook_vectors

    _walk(path)
    vectors = load_facebook_vectors(str(path))
    return vectors.index_to_key, vectors.vectors, Subwords(vectors.vectors_ngrams, vectors.min_n, vectors.max_n)


def _walk(path: Path) -> None:
    """Check that vocabulary and matrix are complete, because gensim never returns from a truncated vocabulary.

    Layout: 14 int32 and a double; int32 entries, words, labels; int64 tokens, pruned; per entry its bytes, a zero
    byte, int64 count, int8 kind; 2 int32 per pruned entry; bool, int64 rows, int64 columns, rows × columns float32.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[: len(MAGIC)] != MAGIC:
            raise ValueError("a gzipped fastText model; decompress it first")
        entries, _, _, _, pruned = struct.unpack_from("<3i2q", data, 64)
        at = 92
        for _ in range(entries):
            at = data.find(b"\0", at) + 1
            if at == 0:
                raise EOFError("the vocabulary is truncated")
            at += 9
        at += 8 * max(pruned, 0) + 1
        rows, columns = struct.unpack_from("<2q", data, at)
        if rows < entries or columns < 1 or at + 16 + 4 * rows * columns > len(data):
            raise EOFError("the matrix is truncated")
