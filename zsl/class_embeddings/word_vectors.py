"""Class names -> word vectors: word2vec [Mikolov2013], GloVe [Pennington2014], fastText [Bojanowski2017]."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy import ndarray as Array

from zsl.class_embeddings.lexicon import Lexicon, open_lexicon
from zsl.class_embeddings.spelling import parts, words
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed
from zsl.errors import InputError

log = logging.getLogger(__name__)

Oov = Literal["error", "split", "mean", "zero"]


@dataclass(frozen=True, kw_only=True)
class WordVectors:
    """φ(y) = 1/|V(y)| Σ_{w ∈ V(y)} v_w, where V(y) are the words of the name y that have a vector.

    The rule, in this order; a word is looked up as it is spelled, then in small letters:

    1. the whole name as one entry, its words joined by ``_`` (word2vec's GoogleNews vectors have such phrases);
    2. its words: separated by space, ``_`` or ``+``, without a leading number (``002.Laysan_Albatross``);
    3. for a word without a vector, what it is made of: split at hyphens, other punctuation, and where a small letter
       meets a capital (``tie-dye``, ``SeaLion``);
    4. for a word still without one: the mean of its letter n-grams, where the file is a fastText model; or, with
       ``oov=split``, the two words that it is written together from (``tvmonitor``), chosen so that the rarer of
       the two is as frequent as possible.

    A name of which some words have no vector is the mean of the others, and a note in the log says so. A class of
    which no word has one is out of vocabulary: an error (``error``, ``split``), the mean of the embeddings of the
    known classes (``mean``), or zeros (``zero``).
    """

    path: str | Path | None = None
    """word2vec, GloVe or fastText file, in text or binary, gzipped or not; None: the packaged GloVe 6B, 50-d"""
    oov: Oov = "error"
    cache: str | Path = "~/.cache/zsl"

    _noted: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.oov not in get_args(Oov):
            raise InputError(f"class_embedding.oov={self.oov} is unknown; choose one of {', '.join(get_args(Oov))}")

    def fit(self, known: ClassDescriptions) -> Embed:
        """The rule above; with ``oov=mean``, the mean is that over the classes of ``known`` that have a vector.

        Raises:
            InputError: the file cannot be read, or no class of ``known`` has a vector. What is returned raises it
                where classes are out of vocabulary and ``oov`` is ``error`` or ``split``; the message lists them.
        """
        names = known.readable_names()
        lexicon = open_lexicon(self.path, self.cache)
        phi, found = self._looked_up(lexicon, names)
        if not found.any():
            raise self._lost(known.names, len(known.names), "choose")
        return partial(self._embedded, lexicon, phi[found].mean(0) if self.oov == "mean" else np.zeros(phi.shape[1]))

    def _embedded(
        self, lexicon: Lexicon, instead: Float64[Array, " k"], classes: ClassDescriptions
    ) -> Float64[Array, "classes k"]:
        phi, found = self._looked_up(lexicon, classes.names)
        if lost := [name for name, has in zip(classes.names, found, strict=True) if not has]:
            if self.oov in ("error", "split"):
                other = "split|mean|zero" if self.oov == "error" else "mean|zero"
                cure = f"set oov={other} where these word vectors are configured, or choose"
                raise self._lost(lost, len(classes.names), cure)
            self._note(lost, f"out of vocabulary, oov={self.oov}")
            phi[~found] = instead
        return phi

    def _looked_up(
        self, lexicon: Lexicon, names: Sequence[str]
    ) -> tuple[Float64[Array, "classes k"], Bool[Array, " classes"]]:
        """φ of the names that have a vector, zeros for the others, and which those are."""
        phi = np.zeros((len(names), lexicon.vectors.shape[1]))
        found = np.zeros(len(phi), dtype=bool)
        partly: list[str] = []
        for i, name in enumerate(names):
            vectors, missing = self._vectors(lexicon, name)
            if vectors:
                phi[i], found[i] = np.mean(vectors, axis=0, dtype=np.float64), True
                partly += [f"{name} (without {', '.join(missing)})"] if missing else []
        self._note(partly, "embedded in part")
        return phi, found

    def _note(self, names: Sequence[str], what: str) -> None:
        """Say it in the log, once for every name: a run asks about most classes several times."""
        fresh = [name for name in names if name not in self._noted]
        self._noted.update(fresh)
        if fresh:
            log.info("class embedding: %d names are %s: %s", len(fresh), what, "; ".join(fresh))

    @staticmethod
    def _lost(lost: Sequence[str], of: int, cure: str) -> InputError:
        return InputError(
            f"class embedding: {len(lost)} of {of} classes are out of vocabulary ({', '.join(lost)}); {cure} other "
            "word vectors"
        )

    def _vectors(self, lexicon: Lexicon, name: str) -> tuple[list[Float32[Array, " k"]], list[str]]:
        """The vectors whose mean embeds the name, and the words that have none."""
        tokens = words(name)
        phrase = _entry(lexicon, "_".join(tokens))
        if phrase is not None:
            return [phrase], []
        found: list[Float32[Array, " k"]] = []
        missing: list[str] = []
        for token in tokens:
            for word in parts(token) if _entry(lexicon, token) is None else [token]:
                vectors = self._word(lexicon, word)
                found += vectors
                missing += [] if vectors else [word]
        return found, missing

    def _word(self, lexicon: Lexicon, word: str) -> list[Float32[Array, " k"]]:
        vector = _entry(lexicon, word)
        if vector is None and lexicon.subwords is not None:
            vector = lexicon.subwords.vector(word)
        if vector is not None:
            return [vector]
        return _halves(lexicon, word.lower()) if self.oov == "split" else []


def _entry(lexicon: Lexicon, word: str) -> Float32[Array, " k"] | None:
    """The vector of the word as it is spelled, or else in small letters."""
    for spelling in dict.fromkeys((word, word.lower())):
        rank = lexicon.rank(spelling)
        if rank is not None:
            return np.asarray(lexicon.vectors[rank])
    return None


def _halves(lexicon: Lexicon, word: str) -> list[Float32[Array, " k"]]:
    """The vectors of the two words that make up this one; none if it cannot be divided so."""
    ranks = [(lexicon.rank(word[:i]), lexicon.rank(word[i:])) for i in range(2, len(word) - 1)]
    both = [(first, second) for first, second in ranks if first is not None and second is not None]
    return [lexicon.vectors[rank] for rank in min(both, key=max)] if both else []
