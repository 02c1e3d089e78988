"""Checks of JSON values, composed from smaller checks.

A check takes the key of a value and the value, and yields every fault as (key, cause); a valid value has no faults.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from reprlib import Repr
from types import NoneType
from typing import Any, TypeAlias

Fault: TypeAlias = tuple[str, str]
Check: TypeAlias = Callable[[str, Any], Iterator[Fault]]
Whole: TypeAlias = Callable[[Collection[Any]], bool]
"""fast test of whether all values are valid; if it returns False, every value is checked on its own"""

_AT_ONCE: dict[Check, Whole] = {}

ROUNDING = 1e-9
"""tolerance by which a sum of floats may be out of range"""
LARGEST = 2**53
"""the largest integer that every JSON reader, and every float64, represents exactly (with all smaller ones)"""


def show(value: object) -> str:
    """Return a value as one short line."""
    brief = Repr()
    brief.maxstring = brief.maxother = 60
    return brief.repr(value)


def at_once(whole: Whole) -> Callable[[Check], Check]:
    """Give a check a fast test that many values are valid; result files have lists of thousands of values."""

    def given(check: Check) -> Check:
        _AT_ONCE[check] = whole
        return check

    return given


def _all_right(check: Check, values: Collection[Any]) -> bool:
    return not values or (check in _AT_ONCE and _AT_ONCE[check](values))


def _scalars(values: Collection[Any]) -> bool:
    types = set(map(type, values))
    if not types <= {str, int, bool, float, NoneType}:
        return False
    if int in types and not all(abs(value) <= sys.float_info.max for value in values if type(value) is int):
        return False
    return float not in types or all(math.isfinite(value) for value in values if type(value) is float)


def _counts(values: Collection[Any]) -> bool:
    return set(map(type, values)) == {int} and min(values) >= 0 and max(values) <= LARGEST


def _strings(values: Collection[Any]) -> bool:
    return set(map(type, values)) == {str}


def text(key: str, value: Any) -> Iterator[Fault]:
    """Check that a value is one line of printable text: titles and names are shown in tables and terminals."""
    if not isinstance(value, str) or not value or not value.isprintable():
        yield key, f"{show(value)} is not one line of text"


@at_once(_scalars)
def anything(key: str, value: Any) -> Iterator[Fault]:
    """Check that a value is any JSON value with finite numbers."""
    if isinstance(value, dict):
        yield from mapping(anything)(key, value)
    elif isinstance(value, list):
        yield from sequence(anything)(key, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from number()(key, value)
    elif not (value is None or isinstance(value, bool | str)):
        yield key, f"{show(value)} is a {type(value).__name__}, which JSON cannot hold"


def number(low: float = -math.inf, high: float = math.inf) -> Check:
    """Check that a value is a finite number within [low, high]."""

    def within(values: Collection[Any]) -> bool:
        try:
            finite = set(map(type, values)) <= {int, float} and all(map(math.isfinite, values))
        except OverflowError:
            return False
        return finite and low - ROUNDING <= min(values) and max(values) <= high + ROUNDING

    @at_once(within)
    def check(key: str, value: Any) -> Iterator[Fault]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            yield key, f"{show(value)} is not a finite number"
        elif not low - ROUNDING <= value <= high + ROUNDING:
            yield key, f"{value!r} is out of [{low:g}, {high:g}]"

    return check


@at_once(_counts)
def whole(key: str, value: Any) -> Iterator[Fault]:
    """Check that a value is an integer from 0 to `LARGEST`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        yield key, f"{show(value)} is not an integer from 0 to {LARGEST}"


def one_of(*options: str) -> Check:
    """Check that a value is one of ``options``."""

    def check(key: str, value: Any) -> Iterator[Fault]:
        if value not in options:
            yield key, f"{show(value)} is not one of {', '.join(map(repr, options))}"

    return check


def matching(pattern: str, what: str) -> Check:
    """Check that a value is a string that matches ``pattern``; ``what`` describes the pattern."""

    def check(key: str, value: Any) -> Iterator[Fault]:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            yield key, f"{show(value)} is not {what}"

    return check


@at_once(_strings)
def string(key: str, value: Any) -> Iterator[Fault]:
    """Check that a value is a string."""
    if not isinstance(value, str):
        yield key, f"{show(value)} is not a string"


def optional(check: Check) -> Check:
    """Check a value unless it is null."""

    @at_once(lambda values: _all_right(check, [value for value in values if value is not None]))
    def either(key: str, value: Any) -> Iterator[Fault]:
        if value is not None:
            yield from check(key, value)

    return either


def sequence(check: Check) -> Check:
    """Check that a value is a list, and check its elements."""

    def checks(key: str, value: Any) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield key, f"{show(value)} is not a list"
        elif not _all_right(check, value):
            yield from chain.from_iterable(check(f"{key}[{i}]", item) for i, item in enumerate(value))

    return checks


def mapping(check: Check, required: tuple[str, ...] = ()) -> Check:
    """Check that a value is an object with the keys ``required`` and any others, and check the values of all keys."""

    def checks(key: str, value: Any) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield key, f"{show(value)} is not an object"
            return
        yield from ((f"{key}.{name}", "is missing") for name in required if name not in value)
        if not _all_right(check, value.values()):
            yield from chain.from_iterable(check(f"{key}.{name}", item) for name, item in value.items())

    return checks


def record(fields: Mapping[str, Check], absent: tuple[str, ...] = ()) -> Check:
    """Check that a value is an object with exactly the keys of ``fields``; those in ``absent`` are optional."""

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
    """Check that a value is an ISO 8601 time in UTC."""
    try:
        if datetime.fromisoformat(value).utcoffset() == timedelta(0):
            return
    except (TypeError, ValueError):
        pass
    yield key, f"{show(value)} is not an ISO 8601 time in UTC"
