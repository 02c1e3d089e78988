"""Numbers of papers and public code: the rows of an experiment's ``published``, checked as they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from zsl.errors import InputError
from zsl.files import checks
from zsl.files.checks import Check, Fault, anything, mapping, matching, number, one_of, optional, record, text, whole
from zsl.outputs.schema import SETTINGS, scale
from zsl.outputs.statistics import Summary, summarize

USUAL = ("T1", "u", "s", "H")
METRICS = (*USUAL, "AUSUC", "s_split", "H_split")
"""metrics that a row may have; all that it has are compared"""
SPREAD = 0.25
"""greatest difference, in percentage points, between a printed H and the harmonic mean of the printed u and s: both
are rounded, and where they are means over runs, the mean of H is a little below the H of the means"""
CHOSEN = ("nothing", "training", "validation", "test")
"""data on which hyperparameters and epochs were chosen; *nothing*: given hyperparameters and the last epoch"""
CONDITIONS: Mapping[str, Check] = {
    "source": text,
    "features": text,
    "split": text,
    "class_embedding": text,
    "setting": optional(one_of(*SETTINGS)),
    "selection": optional(text),
}
"""conditions of a claim; a row may override each; null where it is not known"""
OPTIONAL: Mapping[str, Check] = {
    "selected_on": optional(one_of(*CHOSEN)),
    "features_sha256": optional(matching("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits")),
    "features_dimension": optional(whole),
    "correction": text,
}
"""conditions that may be absent"""
OF_FEATURES = ("features_sha256", "features_dimension")
"""conditions that a row with features of its own does not inherit"""


@dataclass(frozen=True)
class Claim:
    """One published row: its numbers and the conditions under which they were measured."""

    data: str
    metrics: Mapping[str, Summary]
    """percent, AUSUC in [0, 1]; with a standard deviation where several runs were published"""
    verified: bool
    """whether the number was read in its source"""
    source: str
    features: str
    """name of a feature file without its ending, such as ``res101``"""
    split: str
    """such as ``PS v1``"""
    class_embedding: str
    setting: str | None
    """one of `SETTINGS`; None where it is not known"""
    selection: str | None
    """how hyperparameters were chosen, as free text; None where it is not known"""
    tolerance: float
    """percentage points, fixed before the runs"""
    selected_on: str | None = None
    """one of `CHOSEN`; None where it is not known"""
    features_sha256: str | None = None
    """fingerprint of the features, as ``zsl data inspect`` shows it; None where it is not known"""
    features_dimension: int | None = None
    """features per image; None where it is not known"""
    correction: str = "none"
    """correction of scores: a name of this package, or free text"""


def claims(published: Mapping[str, Any] | None, place: str = "published") -> list[Claim]:
    """Return every row of an experiment's ``published``.

    A metric of a row is a number, a list of the numbers of several runs, or {mean, std, n}.

    Raises:
        InputError: a key is missing or unknown, a number out of range, H does not follow from u and s, or the rows of
            two data sets are equal.
    """
    if published is None:
        return []
    for key, cause in chain(_claim(place, published), _follow(place, published), _copies(place, published)):
        raise InputError(f"{key}: {cause}; look it up where it was printed, and correct it or leave it out")
    shared = {name: published[name] for name in (*CONDITIONS, *OPTIONAL) if name in published}
    return [_row_of(data, row, shared, published) for data, rows in published["results"].items() for row in rows]


def shown(printed: Iterable[Claim], usual: Sequence[str] = USUAL) -> list[str]:
    """Return the metrics of a table: the usual ones, and those that one of the claims has."""
    found = {name for claim in printed for name in claim.metrics}
    return [name for name in METRICS if name in usual or name in found]


def tolerance(claim: Claim, metric: str) -> float:
    """Return the tolerance of a claim in the unit of a metric."""
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
    """Return a check for a number, a list of numbers, or {mean, std, n} with n the number of runs."""
    alone, spread = number(0, highest), {"mean": number(0, highest), "std": number(0, highest), "n": whole}

    def check(key: str, value: Any) -> Iterator[Fault]:
        if isinstance(value, Mapping):
            faults = list(record(spread)(key, value))
            yield from faults or ([(f"{key}.n", "is below 2: give a single number")] if value["n"] < 2 else [])
        elif isinstance(value, list):
            yield from checks.sequence(alone)(key, value)
            yield from [] if len(value) > 1 else [(key, "is a list of fewer than two runs: give a single number")]
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
    """Yield equal rows of two data sets: some tables confuse AWA1 and AWA2."""
    seen: dict[tuple[Any, ...], str] = {}
    for data, rows in published["results"].items():
        for row in rows:
            numbers = tuple(_mean(row[name]) if name in row else None for name in METRICS)
            other = seen.setdefault(numbers, data)
            if other != data and sum(value is not None for value in numbers) > 1:
                yield f"{place}.results.{data}", f"has the numbers of {other}"


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
