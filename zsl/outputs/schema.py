"""Schema of ``result.json``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from zsl.files.checks import (
    Check,
    Fault,
    anything,
    mapping,
    matching,
    number,
    one_of,
    optional,
    record,
    sequence,
    show,
    string,
    text,
    utc,
    whole,
)

SCHEMA = 2

DAGGER = "†"
"""suffix of the name of a metric that was chosen on the test set"""
SETTINGS = ("inductive", "unseen semantics", "transductive")
PROTOCOLS = ("tune", "final")
POLICIES = ("fixed", "validation", "test")
FINGERPRINTS = ("features", "labels", "trainval", "test_seen", "test_unseen", "train", "val", "class_embeddings")

H_TOLERANCE = 0.01
"""Percentage points between H and the harmonic mean of u and s."""

_PERCENT = re.compile(r"(T\d+|hp\d+|u|s|H)(_.*|†*)")
_UNIT = re.compile(r"(AUSUC|AUROC|ECE|AURC)(_.*|†*)", re.IGNORECASE)


def scale(metric: str) -> Literal["percent", "unit", "number"]:
    """Return the scale of a metric: percent for T1, hp5, u, s, H and their variants, unit ([0, 1]) for AUSUC, AUROC,
    ECE and AURC, number for all others.
    """
    if _PERCENT.fullmatch(metric):
        return "percent"
    return "unit" if _UNIT.fullmatch(metric) else "number"


def metrics(key: str, value: Any) -> Iterator[Fault]:
    """Check metrics: name -> number in the range of its scale, with H the harmonic mean of u and s."""
    if not isinstance(value, dict) or not value:
        yield key, f"{show(value)} is not an object with at least one metric"
        return
    yield from [fault for name, item in value.items() for fault in _metric(key, name, item)] or _harmonic(key, value)


def _metric(key: str, name: str, value: Any) -> Iterator[Fault]:
    ranges = {"percent": number(0, 100), "unit": number(0, 1), "number": number()}
    yield from text(f"{key}: the name", name)
    yield from ranges[scale(name)](f"{key}.{name}", value)


def _harmonic(key: str, value: dict[str, float]) -> Iterator[Fault]:
    """Check H = 2us / (u + s), 0 where both are 0, for every suffix of these names."""
    for suffix in (name[1:] for name in value if name[0] == "H" and scale(name) == "percent"):
        if not {f"u{suffix}", f"s{suffix}"} <= value.keys():
            continue
        u, s, H = (value[letter + suffix] for letter in "usH")
        harmonic = 2 * u * s / (u + s) if u + s > 0 else 0.0
        if abs(H - harmonic) > H_TOLERANCE:
            yield f"{key}.H{suffix}", f"{H!r} does not follow from u = {u!r} and s = {s!r}, which give {harmonic:.4f}"


def curve(key: str, value: Any) -> Iterator[Fault]:
    """Check a seen-unseen curve: {}, or u and s (percent) and further lists, such as gamma, all of one length."""
    if value != {}:
        faults = list(mapping(sequence(number()), required=("u", "s"))(key, value))
        yield from faults or _points(key, value)


def _points(key: str, value: dict[str, list[float]]) -> Iterator[Fault]:
    for name in ("u", "s"):
        yield from sequence(number(0, 100))(f"{key}.{name}", value[name])
    if len({len(points) for points in value.values()}) > 1:
        yield key, f"its lists have {', '.join(f'{len(points)} ({name})' for name, points in value.items())} points"


name_of_class = string


def hubness(key: str, value: Any) -> Iterator[Fault]:
    """Check hubness: {}, or for ZSL and GZSL the names of classes, their occurrences, and at most as many bad ones."""
    if value == {}:
        return
    matrices = record(dict.fromkeys(("ZSL", "GZSL"), mapping(sequence(anything), required=("classes", "N1", "bad_N1"))))
    yield from list(matrices(key, value)) or [
        fault for name in value for fault in _occurrences(f"{key}.{name}", value[name])
    ]


def _occurrences(key: str, value: dict[str, list[Any]]) -> Iterator[Fault]:
    checks = {name: name_of_class if name == "classes" else whole for name in value}
    faults = [fault for name, check in checks.items() for fault in sequence(check)(f"{key}.{name}", value[name])]
    yield from faults
    if len({len(counts) for counts in value.values()}) > 1:
        yield key, f"its lists have {', '.join(f'{len(counts)} ({name})' for name, counts in value.items())} entries"
    elif not faults:
        for name in (name for name in value if f"bad_{name}" in value):
            if any(bad > count for bad, count in zip(value[f"bad_{name}"], value[name], strict=True)):
                yield f"{key}.bad_{name}", f"a class has more bad occurrences than occurrences ({name})"


def synthetic(key: str, value: Any) -> Iterator[Fault]:
    """Check means of synthetic features: {}, or names of classes and coordinates of their means, all of one length."""
    if value == {}:
        return
    places = ("real_x", "real_y", "made_x", "made_y")
    faults = list(mapping(sequence(anything), required=("classes", *places))(key, value))
    if not faults:
        checks = {"classes": name_of_class, **dict.fromkeys(places, number())}
        faults = [fault for name, check in checks.items() for fault in sequence(check)(f"{key}.{name}", value[name])]
    yield from faults
    if not faults and len({len(value[name]) for name in ("classes", *places)}) > 1:
        yield key, "its lists have different lengths"


def card(key: str, value: Any) -> Iterator[Fault]:
    """Check a data set card: {}, or numbers of images, features and classes, with licences and notes."""
    classes = record({"seen": whole, "unseen": whole})
    parts = mapping(record({"images": whole, "classes": whole}))
    lines = sequence(string)
    known = {"images": whole, "features": whole, "classes": classes, "parts": parts}
    if value != {}:
        yield from record({**known, "licences": lines, "notes": lines})(key, value)


trial: Check = record(
    {
        "chosen": mapping(anything),
        "T1": number(0, 100),
        "H": number(0, 100),
        "H_raw": number(0, 100),
        "gamma": number(),
        "temperature": number(low=0),
        "correction": mapping(anything),
        "diverged": matching("(?s).*", "a string"),
        "pruned": whole,
        "reached": whole,
    },
    absent=("chosen", "T1", "H", "H_raw", "gamma", "temperature", "correction", "diverged", "pruned", "reached"),
)
"""Check of one trial of a search and its scores, as :class:`zsl.selection.trials.Trial` records them."""


def trials(key: str, value: Any) -> Iterator[Fault]:
    """Check the trials of a search; each has T1, or a reason why its training diverged."""
    faults = list(sequence(trial)(key, value))
    yield from faults
    for i, item in enumerate(() if faults else value):
        if not {"T1", "diverged"} & item.keys():
            yield f"{key}[{i}]", "has neither T1 nor a reason why its training diverged"


def chance(key: str, value: Any) -> Iterator[Fault]:
    """Check chance: {}, or for T1, u and s the chance level and the upper end of its interval, not below the level."""
    known = {name: record({"level": number(0, 100), "high": number(0, 100)}) for name in ("T1", "u", "s")}
    faults = list(record(known, absent=tuple(known))(key, value))
    yield from faults or (
        (f"{key}.{name}.high", f"{item['high']!r} is below the level, {item['level']!r}")
        for name, item in value.items()
        if item["high"] < item["level"]
    )


def whether(key: str, value: Any) -> Iterator[Fault]:
    """Check that the value is true or false."""
    if not isinstance(value, bool):
        yield key, f"{show(value)} is not true or false"


def marked(value: Any) -> Iterator[Fault]:
    """Check that the name of every metric ends in † where hyperparameters were chosen on the test set."""
    if value["selection"]["policy"] == "test":
        for name in value["metrics"]:
            if not name.endswith("†"):
                yield f"metrics.{name}", f"was chosen on the test set (selection.policy); its name must be '{name}†'"


_FIELDS: Check = record(
    {
        "method": text,
        "data": text,
        "data_title": text,
        "class_embedding": text,
        "setting": one_of(*SETTINGS),
        "correction": text,
        "protocol": one_of(*PROTOCOLS),
        "selection": record(
            {
                "policy": one_of(*POLICIES),
                "chosen": mapping(anything),
                "trials": trials,
                "gamma": optional(number()),
                "temperature": optional(number(low=0)),
            }
        ),
        "seed": whole,
        "metrics": metrics,
        "per_class": mapping(mapping(optional(number(0, 100)))),
        "curve": curve,
        "hubness": hubness,
        "fingerprints": mapping(matching("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits"), FINGERPRINTS),
        "card": card,
        "synthetic": synthetic,
        "chance": chance,
        "deterministic": optional(whether),
        "notes": sequence(string),
        "config": mapping(anything),
        "overrides": sequence(string),
        "versions": mapping(text),
        "commit": optional(matching("[0-9a-f]{40}([0-9a-f]{24})?(-dirty)?", "a git commit")),
        "timings": mapping(number(low=0)),
        "created": utc,
    },
    absent=("card", "synthetic", "chance", "deterministic", "notes"),
)


def result(value: Any) -> Iterator[Fault]:
    """Yield the faults of a ``result.json`` without its key ``schema``."""
    yield from list(_FIELDS("", value)) or marked(value)
