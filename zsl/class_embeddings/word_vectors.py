"""Word vectors of class names: word2vec [Mikolov2013], GloVe [Pennington2014], fastText [Bojanowski2017]."""

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
from zsl.class_embeddings.spelling import parts, synonyms, words
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed
from zsl.errors import InputError

log = logging.getLogger(__name__)

NAMED = 200
"""names that a note lists before it counts the others"""
Oov = Literal["error", "split", "mean", "zero"]


@dataclass(frozen=True, kw_only=True)
class WordVectors:
    """φ(y) = 1/|V(y)| Σ_{w ∈ V(y)} v_w, where V(y) are the words of the name y that have a vector.

    Words are looked up in this order; a word is looked up as spelled, then in lower case:

    1. the whole name as one entry, its words joined by ``_`` (word2vec's GoogleNews vectors have such phrases);
    2. the words of the name, separated by space, ``_`` or ``+``, without a leading number (``002.Laysan_Albatross``);
    3. for a word without a vector, its parts: split at hyphens and other punctuation, and between a small letter and a
       capital (``tie-dye``, ``SeaLion``);
    4. for a part without a vector, the mean of its letter n-grams, if the file is a fastText model; or, with
       ``oov=split``, the two words of which it is composed (``tvmonitor``), chosen so that the rarer of
       the two is as frequent as possible.

    If some words of a name have no vector, φ is the mean over the other words, and the name is logged. A name of
    several lemmas, such as ``kit fox, Vulpes macrotis``, has the mean of the φ of those lemmas that have a vector. A
    class without any vector is out of vocabulary: an error (``error``, ``split``), the mean of the embeddings of the
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
        """Open the word vectors, and with ``oov=mean`` fit the mean over the classes of ``known`` that have a vector.

        Raises:
            InputError: the file cannot be read, or no class of ``known`` has a vector. The returned function raises it
                if classes are out of vocabulary and ``oov`` is ``error`` or ``split``; the message lists them.
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
        """Return φ of the names that have a vector, zeros for other names, and a mask of the names with a vector."""
        phi = np.zeros((len(names), lexicon.vectors.shape[1]))
        found = np.zeros(len(phi), dtype=bool)
        partly: list[str] = []
        for i, name in enumerate(names):
            of_lemmas = [self._vectors(lexicon, lemma) for lemma in synonyms(name)]
            means = [np.mean(vectors, axis=0, dtype=np.float64) for vectors, _ in of_lemmas if vectors]
            missing = [word for _, words_without in of_lemmas for word in words_without]
            if means:
                phi[i], found[i] = np.mean(means, axis=0), True
                partly += [f"{name} (without {', '.join(missing)})"] if missing else []
        self._note(partly, "embedded in part")
        return phi, found

    def _note(self, names: Sequence[str], what: str) -> None:
        """Log a note on names, once per name: a run embeds most classes several times."""
        fresh = [name for name in names if name not in self._noted]
        self._noted.update(fresh)
        if fresh:
            more = f"; and {len(fresh) - NAMED} more" if len(fresh) > NAMED else ""
            log.info("class embedding: %d names are %s: %s%s", len(fresh), what, "; ".join(fresh[:NAMED]), more)

    @staticmethod
    def _lost(lost: Sequence[str], of: int, cure: str) -> InputError:
        return InputError(
            f"class embedding: {len(lost)} of {of} classes are out of vocabulary ({', '.join(lost)}); {cure} other "
            "word vectors"
        )

    def _vectors(self, lexicon: Lexicon, name: str) -> tuple[list[Float32[Array, " k"]], list[str]]:
        """Return the vectors whose mean is φ of the name, and the words without a vector."""
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
    """Return the vector of a word as spelled, or else in lower case, or None."""
    for spelling in dict.fromkeys((word, word.lower())):
        rank = lexicon.rank(spelling)
        if rank is not None:
            return np.asarray(lexicon.vectors[rank])
    return None


def _halves(lexicon: Lexicon, word: str) -> list[Float32[Array, " k"]]:
    """Return the vectors of the two words of which a word is composed, or an empty list if there are none."""
    ranks = [(lexicon.rank(word[:i]), lexicon.rank(word[i:])) for i in range(2, len(word) - 1)]
    both = [(first, second) for first, second in ranks if first is not None and second is not None]
    return [lexicon.vectors[rank] for rank in min(both, key=max)] if both else []
