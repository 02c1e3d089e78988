"""How a class name is read: ``002.Laysan_Albatross``, ``grizzly+bear``, ``access_road``, ``red apple``, ``tie-dye``."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"^\d+\.(?=\D)")
_BETWEEN_WORDS = re.compile(r"[\s_+]+")
_INSIDE_WORDS = re.compile(r"[^\w]+|(?<=[a-z])(?=[A-Z])")


def words(name: str) -> list[str]:
    """The words of a name: a leading number with a dot (as in CUB) goes; space, underscore and plus separate."""
    return [word for word in _BETWEEN_WORDS.split(_NUMBER.sub("", name)) if word]


def parts(word: str) -> list[str]:
    """What a word is made of: split at hyphens, other punctuation, and where a small letter meets a capital."""
    return [part for part in _INSIDE_WORDS.split(word) if part]


def readable(name: str) -> str:
    """The name as one would write it in a sentence: its words with spaces between."""
    return " ".join(words(name))
