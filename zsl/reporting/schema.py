"""What a ``result.json`` must hold, as checks that are put together from smaller ones.

A check takes the key of a value and the value, and yields what is wrong with it as (key, cause), nothing where it is
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
from typing import Any, Literal, TypeAlias

SCHEMA = 1

SETTINGS = ("inductive", "unseen semantics", "transductive")
PROTOCOLS = ("tune", "final")
POLICIES = ("fixed", "validation", "test")
FINGERPRINTS = ("features", "labels", "trainval", "test_seen", "test_unseen", "train", "val", "class_embeddings")

Fault: TypeAlias = tuple[str, str]
Check: TypeAlias = Callable[[str, Any], Iterator[Fault]]

ROUNDING = 1e-9
"""A mean of accuracies may leave its range by this much."""
H_TOLERANCE = 0.01
"""Percentage points between H and the harmonic mean of u and s."""

_PERCENT = re.compile(r"(T\d+|u|s|H)(_.*|†*)")
_UNIT = re.compile(r"(AUSUC|AUROC|ECE)(_.*|†*)", re.IGNORECASE)


def scale(metric: str) -> Literal["percent", "unit", "number"]:
    """T1, u, s, H and their kin are percentages; AUSUC, AUROC and ECE lie in [0, 1]; the rest are plain numbers."""
    if _PERCENT.fullmatch(metric):
        return "percent"
    return "unit" if _UNIT.fullmatch(metric) else "number"


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
    elif isinstance(value, float):
        yield from number()(key, value)
    elif not (value is None or isinstance(value, bool | int | str)):
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
    """An integer, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        yield key, f"{show(value)} is not an integer of 0 or more"


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


def record(fields: Mapping[str, Check]) -> Check:
    """An object with exactly these keys."""

    def checks(key: str, value: Any) -> Iterator[Fault]:
        prefix = f"{key}." if key else ""
        if not isinstance(value, dict):
            yield key, f"{show(value)} is not an object"
            return
        yield from ((prefix + name, "is missing") for name in fields if name not in value)
        yield from ((prefix + show(name)[1:-1], "is not a key of this schema") for name in value if name not in fields)
        yield from chain.from_iterable(check(prefix + name, value[name]) for name, check in fields.items())

    return checks


def metrics(key: str, value: Any) -> Iterator[Fault]:
    """Name -> number in the range of its scale, H following from u and s: H = 2us / (u + s), 0 where both are 0."""
    ranges = {"percent": number(0, 100), "unit": number(0, 1), "number": number()}
    broken = False
    for fault in _each_metric(ranges, key, value):
        broken = True
        yield fault
    if broken:
        return
    for name, H in value.items():
        suffix = name[1:]
        if not _PERCENT.fullmatch(name) or name[0] != "H" or not {"u" + suffix, "s" + suffix} <= set(value):
            continue
        u, s = value["u" + suffix], value["s" + suffix]
        harmonic = 2 * u * s / (u + s) if u + s > 0 else 0.0
        if abs(H - harmonic) > H_TOLERANCE:
            yield f"{key}.{name}", f"{H!r} does not follow from u = {u!r} and s = {s!r}, which give {harmonic:.4f}"


def _each_metric(ranges: Mapping[str, Check], key: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict) or not value:
        yield key, f"{show(value)} is not an object with at least one metric"
        return
    for name, item in value.items():
        yield from text(f"{key}: the name", name)
        yield from ranges[scale(name)](f"{key}.{name}", item)


def curve(key: str, value: Any) -> Iterator[Fault]:
    """{} or u and s (percent) and any companions, such as the biases, all of one length."""
    if value == {}:
        return
    percent, free = sequence(number(0, 100)), sequence(number())
    faults = list(
        mapping(lambda k, v: (percent if k in (f"{key}.u", f"{key}.s") else free)(k, v), ("u", "s"))(key, value)
    )
    yield from faults
    if not faults and len({len(points) for points in value.values()}) > 1:
        yield key, f"its lists have {', '.join(f'{len(points)} ({name})' for name, points in value.items())} points"


def marked(value: Any) -> Iterator[Fault]:
    """Where hyperparameters were chosen on the test set, the name of every metric says so."""
    if value["selection"]["policy"] == "test":
        for name in value["metrics"]:
            if not name.endswith("†"):
                yield f"metrics.{name}", f"was chosen on the test set (selection.policy), so its name must be '{name}†'"


def utc(key: str, value: Any) -> Iterator[Fault]:
    """ISO 8601 in UTC."""
    try:
        if datetime.fromisoformat(value).utcoffset() == timedelta(0):
            return
    except (TypeError, ValueError):
        pass
    yield key, f"{show(value)} is not an ISO 8601 time in UTC"


_FIELDS: Check = record(
    {
        "method": text,
        "data": text,
        "data_title": text,
        "class_embedding": text,
        "setting": one_of(*SETTINGS),
        "protocol": one_of(*PROTOCOLS),
        "selection": record(
            {
                "policy": one_of(*POLICIES),
                "chosen": mapping(anything),
                "trials": sequence(mapping(anything)),
                "gamma": optional(number()),
                "temperature": optional(number(low=0)),
            }
        ),
        "seed": whole,
        "metrics": metrics,
        "per_class": mapping(mapping(optional(number(0, 100)))),
        "curve": curve,
        "fingerprints": mapping(matching("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits"), FINGERPRINTS),
        "config": mapping(anything),
        "overrides": sequence(matching("(?s).*", "a string")),
        "versions": mapping(text),
        "commit": optional(matching("[0-9a-f]{40}([0-9a-f]{24})?(-dirty)?", "a git commit")),
        "timings": mapping(number(low=0)),
        "created": utc,
    }
)


def result(record: Any) -> Iterator[Fault]:
    """What is wrong with everything in a ``result.json`` beside its ``schema``."""
    broken = False
    for fault in _FIELDS("", record):
        broken = True
        yield fault
    if not broken:
        yield from marked(record)
