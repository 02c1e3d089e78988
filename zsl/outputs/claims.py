"""What papers and public code print: the rows of an experiment's ``published``, checked as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from zsl.errors import InputError
from zsl.files import checks
from zsl.files.checks import Check, Fault, anything, mapping, matching, number, one_of, optional, record, text, whole
from zsl.outputs.schema import SETTINGS, scale
from zsl.outputs.statistics import Summary, summarize

METRICS = ("T1", "u", "s", "H", "AUSUC")
"""that a row may have; all that it has count"""
SPREAD = 0.25
"""percentage points between a printed H and the harmonic mean of the printed u and s: both are rounded, and where they
are means over runs, the mean of H is a little below the H of means"""
CHOSEN = ("nothing", "training", "validation", "test")
"""what choices (hyperparameters, epochs) were made on: the last epoch of given hyperparameters is *nothing*"""
CONDITIONS: Mapping[str, Check] = {
    "source": text,
    "features": text,
    "split": text,
    "class_embedding": text,
    "setting": optional(one_of(*SETTINGS)),
    "selection": optional(text),
}
"""of a claim, each of which a row may say otherwise; null where it is not known"""
OPTIONAL: Mapping[str, Check] = {
    "selected_on": optional(one_of(*CHOSEN)),
    "features_sha256": optional(matching("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits")),
    "features_dimension": optional(whole),
    "correction": text,
}
"""the same, which need not be there"""
OF_FEATURES = ("features_sha256", "features_dimension")
"""what a row that has other features does not share"""


@dataclass(frozen=True)
class Claim:
    """One printed row: its numbers, and under which conditions they were found."""

    data: str
    metrics: Mapping[str, Summary]
    """percent, AUSUC in [0, 1]; of several runs with their spread, else a single number"""
    verified: bool
    """read where it stands, not remembered"""
    source: str
    features: str
    """name of a feature file without its ending, such as ``res101``"""
    split: str
    """such as ``PS v1``"""
    class_embedding: str
    setting: str | None
    """one of `SETTINGS`; None where it is not known, here and below"""
    selection: str | None
    """how choices were made, in words"""
    tolerance: float
    """percentage points, fixed beforehand"""
    selected_on: str | None = None
    """one of `CHOSEN`"""
    features_sha256: str | None = None
    """fingerprint of the features, as ``zsl data inspect`` shows it"""
    features_dimension: int | None = None
    """numbers an image"""
    correction: str = "none"
    """of scores: of ours by name, or in words"""


def claims(published: Mapping[str, Any] | None, place: str = "published") -> list[Claim]:
    """Every row of an experiment's ``published``.

    A number of a row is a number, a list of the numbers of several runs, or {mean, std, n}.

    Raises:
        InputError: a key is missing or unknown, a number out of range, H does not follow from u and s, or the rows of
            two data sets are the same.
    """
    if published is None:
        return []
    for key, cause in chain(_claim(place, published), _follow(place, published), _copies(place, published)):
        raise InputError(f"{key}: {cause}; look it up where it was printed, and correct it or leave it out")
    shared = {name: published[name] for name in (*CONDITIONS, *OPTIONAL) if name in published}
    return [_row_of(data, row, shared, published) for data, rows in published["results"].items() for row in rows]


def tolerance(claim: Claim, metric: str) -> float:
    """The tolerance of a claim in the unit of a metric."""
    return claim.tolerance if scale(metric) == "percent" else claim.tolerance / 100


def _row_of(data: str, row: Mapping[str, Any], shared: Mapping[str, Any], published: Mapping[str, Any]) -> Claim:
    own = {name: row[name] for name in (*CONDITIONS, *OPTIONAL) if name in row}
    kept = {name: value for name, value in shared.items() if not ("features" in row and name in OF_FEATURES)}
    return Claim(
        data=data,
        metrics={name: _summary(row[name]) for name in METRICS if name in row},
        verified=row["verified"],
        tolerance=float(published["tolerance"]),
        **{**kept, **own},
    )


def _summary(value: Any) -> Summary:
    if isinstance(value, Mapping):
        return Summary(float(value["mean"]), float(value["std"]), None, value["n"])
    return summarize([float(item) for item in value] if isinstance(value, Sequence) else [float(value)])


def _mean(value: Any) -> float:
    return _summary(value).mean


def _printed(highest: float) -> Check:
    """A number, several of them, or a mean with its standard deviation and how many runs it is of."""
    alone, spread = number(0, highest), {"mean": number(0, highest), "std": number(0, highest), "n": whole}

    def check(key: str, value: Any) -> Iterator[Fault]:
        if isinstance(value, Mapping):
            faults = list(record(spread)(key, value))
            yield from faults or ([(f"{key}.n", "is below 2: give the number alone")] if value["n"] < 2 else [])
        elif isinstance(value, list):
            yield from checks.sequence(alone)(key, value)
            yield from [] if len(value) > 1 else [(key, "is a list of fewer than two runs: give the number alone")]
        else:
            yield from alone(key, value)

    return check


def _follow(place: str, published: Mapping[str, Any]) -> Iterator[Fault]:
    for data, rows in published["results"].items():
        for row in rows:
            if not {"u", "s", "H"} <= row.keys():
                continue
            u, s, H = (_mean(row[name]) for name in "usH")
            harmonic = 2 * u * s / (u + s) if u + s else 0.0
            if abs(H - harmonic) > SPREAD:
                yield f"{place}.results.{data}", f"H = {H} does not follow from u = {u} and s = {s}: {harmonic:.1f}"


def _copies(place: str, published: Mapping[str, Any]) -> Iterator[Fault]:
    """The numbers of one data set under the name of another, as AWA1 and AWA2 stand in some tables."""
    seen: dict[tuple[Any, ...], str] = {}
    for data, rows in published["results"].items():
        for row in rows:
            numbers = tuple(_mean(row[name]) if name in row else None for name in METRICS)
            other = seen.setdefault(numbers, data)
            if other != data and sum(value is not None for value in numbers) > 1:
                yield f"{place}.results.{data}", f"the same numbers stand under {other}"


def _whether(key: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield key, f"{checks.show(value)} is not true or false"


def _row(key: str, value: Any) -> Iterator[Fault]:
    known: dict[str, Check] = {"verified": _whether, **CONDITIONS, **OPTIONAL}
    known |= {name: _printed(100 if scale(name) == "percent" else 1) for name in METRICS}
    if not isinstance(value, dict):
        yield key, f"{checks.show(value)} is not a row, such as {{T1: 54.9, verified: true}}"
        return
    yield from record(known, absent=tuple(name for name in known if name != "verified"))(key, value)
    if value.keys().isdisjoint(METRICS):
        yield key, f"has none of {', '.join(METRICS)}"


def _claim(key: str, value: Any) -> Iterator[Fault]:
    known: dict[str, Check] = {**CONDITIONS, **OPTIONAL, "tolerance": number(0, 100)}
    known |= {"results": mapping(checks.sequence(_row)), "hyperparameters": mapping(anything)}
    yield from record(known, absent=("hyperparameters", *OPTIONAL))(key, value)
