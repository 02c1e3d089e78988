"""Division of class names into words: ``002.Laysan_Albatross``, ``grizzly+bear``, ``access_road``, ``tie-dye``."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"^\d+\.(?=\D)")
_WNID = re.compile(r"\s*\(n\d{8}\)$")
_BETWEEN_WORDS = re.compile(r"[\s_+]+")
_INSIDE_WORDS = re.compile(r"[^\w]+|(?<=[a-z])(?=[A-Z])")


def words(name: str) -> list[str]:
    """Split a name into words at spaces, ``_`` and ``+``.

    Left out are a leading number with a dot (as in CUB), and a wnid that tells equal names apart, as in
    ``crane (n03126707)``.
    """
    return [word for word in _BETWEEN_WORDS.split(_WNID.sub("", _NUMBER.sub("", name))) if word]


def synonyms(name: str) -> list[str]:
    """Split the name of a synset, ``kit fox, Vulpes macrotis``, into its lemmas: at commas before a space."""
    return [lemma for lemma in map(str.strip, _WNID.sub("", name).split(", ")) if lemma]


def parts(word: str) -> list[str]:
    """Split a word at hyphens and other punctuation, and between a small letter and a capital."""
    return [part for part in _INSIDE_WORDS.split(word) if part]


def readable(name: str) -> str:
    """Return the words of a name joined by spaces."""
    return " ".join(words(name))
