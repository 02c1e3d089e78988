"""Class names: checks, lists of names in text files, and lookup that ignores differences of spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from zsl.errors import InputError, is_control
from zsl.files.source_file import composed, read_text, require_file

LONGEST = 255
"""the largest number of characters in a class name, as in a file name"""
_PLACEHOLDER = re.compile(r"(?:class|category|label|id|[cn])?[\s_-]*\d+", re.IGNORECASE)
_NUMBERED = re.compile(r"\s*(\d+)[\s,;:]+(\S.*)")
_CODE = re.compile(r"^\d+\.(?=\D)")


def require_names(names: Sequence[str], place: str) -> None:
    """Refuse class names that cannot be displayed, stored or distinguished.

    Raises:
        InputError: a name is empty, longer than 255 characters, contains a control character, or occurs twice (names
            are compared in Unicode's normal form C). The message begins with ``place``, where the names were read.
    """
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise InputError(f"{place}: name {number} is empty; every class needs one")
        if len(name) > LONGEST:
            raise InputError(f"{place}: name {number} has {len(name)} characters; shorten it to {LONGEST}")
        if bad := next(filter(is_control, name), None):
            raise InputError(f"{place}: name {number} contains the control character {bad!r}; remove it")
        if (other := first.setdefault(composed(name), number)) != number:
            raise InputError(f"{place}: {name!r} occurs twice (names {other} and {number}); class names must differ")


def read_names(path: str | Path, count: int | None = None, key: str = "data.class_names") -> tuple[str, ...]:
    """Read class names from a text file, one per line, in the order of the classes.

    Every line may begin with the number of the class, counted from 1; the numbers are removed.

    Raises:
        InputError: the file is missing or not text, the number of names is not ``count`` (if ``count`` is given), or a
            name cannot be used. The message begins with ``key``, the configuration key of the file.
    """
    file = require_file(path, key, "give a text file with one class name per line")
    lines = [line.strip() for line in read_text(file, key).splitlines() if line.strip()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(found and int(found[1]) == number for number, found in enumerate(numbered, 1)):
        lines = [found[2] for found in numbered if found]
    elif all(numbered):
        wrong = next(i for i, found in enumerate(numbered, 1) if found and int(found[1]) != i)
        raise InputError(f"{key} {file}: line {wrong} is {lines[wrong - 1]!r}; number lines from 1 in order, or none")
    if not lines or (count is not None and len(lines) != count):
        raise InputError(
            f"{key} {file}: {len(lines)} names, but there are {count or 'some'} classes; give one per line, in the "
            "order of the classes in the file of numbers (for data=xlsa17 of the columns of att)"
        )
    require_names(lines, f"{key} {file}")
    return tuple(lines)


def placeholders(names: Sequence[str]) -> bool:
    """Tell whether all names are placeholders without meaning: numbers, ``class 1``, ``c2`` or ``n02084071``."""
    return all(_PLACEHOLDER.fullmatch(name.strip()) for name in names)


def normalised(name: str) -> str:
    """Return a form that is equal for all spellings of a name, such as ``002.Barn_Swallow`` and ``barn swallow``."""
    return " ".join(_CODE.sub("", composed(name).strip()).replace("_", " ").replace("+", " ").casefold().split())


def find_name(name: str, names: Iterable[str]) -> str | None:
    """Return the element of ``names`` that equals ``name`` up to Unicode normalisation, or None if it is not unique."""
    equal = [other for other in names if composed(other) == composed(name)]
    return name if name in equal else equal[0] if len(equal) == 1 else None


def suggest_name(name: str, names: Iterable[str], otherwise: str) -> str:
    """Suggest the element of ``names`` most similar to ``name``, or return ``otherwise`` if none is similar."""
    by_form = {normalised(other): other for other in names}
    near = get_close_matches(normalised(name), by_form, 1)
    return f"did you mean {by_form[near[0]]!r}?" if near else otherwise
