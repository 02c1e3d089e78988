"""Checks of JSON values, put together from smaller ones.

A check takes the key of a value and the value, and yields what is wrong with it as (key, cause): nothing where it is
right.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from reprlib import Repr
from typing import Any, TypeAlias

Fault: TypeAlias = tuple[str, str]
Check: TypeAlias = Callable[[str, Any], Iterator[Fault]]

ROUNDING = 1e-9
"""What a sum of floats may leave its range by."""
LARGEST = 2**53
"""of the integers that every reader of JSON, and every float64, holds exactly"""


def show(value: object) -> str:
    """A value on one short line."""
    brief = Repr()
    brief.maxstring = brief.maxother = 60
    return brief.repr(value)


def text(key: str, value: Any) -> Iterator[Fault]:
    """One printable line: titles and names end up in tables and terminals."""
    if not isinstance(value, str) or not value or not value.isprintable():
        yield key, f"{show(value)} is not one line of text"


def anything(key: str, value: Any) -> Iterator[Fault]:
    """Any JSON value with finite numbers."""
    if isinstance(value, dict):
        yield from mapping(anything)(key, value)
    elif isinstance(value, list):
        yield from sequence(anything)(key, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from number()(key, value)
    elif not (value is None or isinstance(value, bool | str)):
        yield key, f"{show(value)} is a {type(value).__name__}, which JSON cannot hold"


def number(low: float = -math.inf, high: float = math.inf) -> Check:
    """A finite number within [low, high]."""

    def check(key: str, value: Any) -> Iterator[Fault]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            yield key, f"{show(value)} is not a finite number"
        elif not low - ROUNDING <= value <= high + ROUNDING:
            yield key, f"{value!r} is out of [{low:g}, {high:g}]"

    return check


def whole(key: str, value: Any) -> Iterator[Fault]:
    """Check that a value is an integer from 0 to `LARGEST`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        yield key, f"{show(value)} is not an integer from 0 to {LARGEST}"


def one_of(*options: str) -> Check:
    """One of these words."""

    def check(key: str, value: Any) -> Iterator[Fault]:
        if value not in options:
            yield key, f"{show(value)} is not one of {', '.join(map(repr, options))}"

    return check


def matching(pattern: str, what: str) -> Check:
    """A string of this form."""

    def check(key: str, value: Any) -> Iterator[Fault]:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            yield key, f"{show(value)} is not {what}"

    return check


def optional(check: Check) -> Check:
    """The value or null."""
    return lambda key, value: iter(()) if value is None else check(key, value)


def sequence(check: Check) -> Check:
    """A list of such values."""

    def checks(key: str, value: Any) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield key, f"{show(value)} is not a list"
        else:
            yield from chain.from_iterable(check(f"{key}[{i}]", item) for i, item in enumerate(value))

    return checks


def mapping(check: Check, required: tuple[str, ...] = ()) -> Check:
    """An object with any keys, ``required`` among them, and such values."""

    def checks(key: str, value: Any) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield key, f"{show(value)} is not an object"
            return
        yield from ((f"{key}.{name}", "is missing") for name in required if name not in value)
        yield from chain.from_iterable(check(f"{key}.{name}", item) for name, item in value.items())

    return checks


def record(fields: Mapping[str, Check], absent: tuple[str, ...] = ()) -> Check:
    """An object with exactly these keys, of which those of ``absent`` may be."""

    def checks(key: str, value: Any) -> Iterator[Fault]:
        prefix = f"{key}." if key else ""
        if not isinstance(value, dict):
            yield key, f"{show(value)} is not an object"
            return
        yield from ((prefix + name, "is missing") for name in fields if name not in value and name not in absent)
        yield from ((prefix + show(name)[1:-1], "is not a key of this schema") for name in value if name not in fields)
        known = ((name, check) for name, check in fields.items() if name in value)
        yield from chain.from_iterable(check(prefix + name, value[name]) for name, check in known)

    return checks


def utc(key: str, value: Any) -> Iterator[Fault]:
    """ISO 8601 in UTC."""
    try:
        if datetime.fromisoformat(value).utcoffset() == timedelta(0):
            return
    except (TypeError, ValueError):
        pass
    yield key, f"{show(value)} is not an ISO 8601 time in UTC"
