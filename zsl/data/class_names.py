"""Names of classes: checked where they are read, given by a list, and found again however they are spelled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from zsl.errors import InputError, is_control
from zsl.files.source_file import composed, read_text, require_file

LONGEST = 255
"""characters of a class name, as of a file name"""
_PLACEHOLDER = re.compile(r"(?:class|category|label|id|[cn])?[\s_-]*\d+", re.IGNORECASE)
_NUMBERED = re.compile(r"\s*(\d+)[\s,;:]+(\S.*)")
_CODE = re.compile(r"^\d+\.(?=\D)")


def require_names(names: Sequence[str], place: str) -> None:
    """Refuse class names that cannot be shown, stored or told apart.

    Raises:
        InputError: a name is empty, longer than 255 characters, holds a control character, or stands twice, if only in
            another of Unicode's normal forms; ``place`` says where the names were read.
    """
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise InputError(f"{place}: name {number} is empty; every class needs one")
        if len(name) > LONGEST:
            raise InputError(f"{place}: name {number} has {len(name)} characters; {LONGEST} are the most")
        if bad := next(filter(is_control, name), None):
            raise InputError(f"{place}: name {number} holds the control character {bad!r}; remove it")
        if (other := first.setdefault(composed(name), number)) != number:
            raise InputError(f"{place}: {name!r} stands twice (names {other} and {number}); class names must differ")


def read_names(path: str | Path, count: int | None = None, key: str = "data.class_names") -> tuple[str, ...]:
    """Names from a text file, one a line, in the order of the classes; numbers from 1 may stand before them.

    Raises:
        InputError: the file is missing, not text, does not hold ``count`` names (where it is given), or one that cannot
            be used; ``key`` is the key that named the file.
    """
    file = require_file(path, key, "give a text file with one class name a line")
    lines = [line.strip() for line in read_text(file, key).splitlines() if line.strip()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(found and int(found[1]) == number for number, found in enumerate(numbered, 1)):
        lines = [found[2] for found in numbered if found]
    if not lines or (count is not None and len(lines) != count):
        raise InputError(
            f"{key} {file}: {len(lines)} names, but there are {count or 'some'} classes; give one a line, in the "
            "order of the classes in the file of numbers (for data=xlsa17 of the columns of att)"
        )
    require_names(lines, f"{key} {file}")
    return tuple(lines)


def placeholders(names: Sequence[str]) -> bool:
    """Tell whether no class has a name of its own: all are numbers, ``class 1``, ``c2`` or ``n02084071``."""
    return all(_PLACEHOLDER.fullmatch(name.strip()) for name in names)


def normalised(name: str) -> str:
    """What two spellings of one name have in common: ``002.Barn_Swallow`` and ``barn swallow``."""
    return " ".join(_CODE.sub("", composed(name).strip()).replace("_", " ").replace("+", " ").casefold().split())


def find_name(name: str, there: Iterable[str]) -> str | None:
    """The one of ``there`` that ``name`` is in whatever normal form of Unicode; none if there is none or several."""
    alike = [other for other in there if composed(other) == composed(name)]
    return name if name in alike else alike[0] if len(alike) == 1 else None


def suggest_name(name: str, there: Iterable[str], otherwise: str) -> str:
    """Offer the name of ``there`` that is nearest to ``name``, or say what to do where none is near."""
    by_reading = {normalised(other): other for other in there}
    near = get_close_matches(normalised(name), by_reading, 1)
    return f"did you mean {by_reading[near[0]]!r}?" if near else otherwise
