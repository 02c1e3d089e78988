"""Division of class names into words: ``002.Laysan_Albatross``, ``grizzly+bear``, ``access_road``, ``tie-dye``."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"^\d+\.(?=\D)")
_BETWEEN_WORDS = re.compile(r"[\s_+]+")
_INSIDE_WORDS = re.compile(r"[^\w]+|(?<=[a-z])(?=[A-Z])")


def words(name: str) -> list[str]:
    """Split a name into words at spaces, ``_`` and ``+``, without a leading number with a dot (as in CUB)."""
    return [word for word in _BETWEEN_WORDS.split(_NUMBER.sub("", name)) if word]


def parts(word: str) -> list[str]:
    """Split a word at hyphens and other punctuation, and between a small letter and a capital."""
    return [part for part in _INSIDE_WORDS.split(word) if part]


def readable(name: str) -> str:
    """Return the words of a name joined by spaces."""
    return " ".join(words(name))
