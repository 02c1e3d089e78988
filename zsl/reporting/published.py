"""What papers print, and what it says beside what was found here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePath
from typing import Any, Literal

from zsl.errors import InputError
from zsl.reporting import checks
from zsl.reporting.checks import Check, Fault, anything, mapping, number, record, sequence, text
from zsl.reporting.result import Result
from zsl.reporting.statistics import Summary
from zsl.reporting.table import NUMERIC

METRICS = ("T1", "u", "s", "H")
DECISIVE = ("T1", "H")
"""what a verdict goes by where a claim has them; u and s are two ends of one trade-off"""
SPREAD = 0.25
"""percentage points between a printed H and the harmonic mean of the printed u and s: both are rounded, and where they
are means over runs, the mean of H is a little below the H of means"""
ADJUSTABLE = frozenset({"experiments", "data", "seed", "selection.seed", "resume", "rerun", "trainer", "logger"})
"""overrides that leave an experiment what it is; ``data.features`` and other places of files do too"""
ADJUSTABLE_BELOW = ("paths.", "trainer.", "save.", "logger.", "hydra.", "hydra/")
PLACES = frozenset({"data.root", "data.features", "data.splits", "data.cache", "data.name"})
CARRIED = ("source", "features", "split", "class_embedding", "setting", "selection")
"""words of a claim that a row may say otherwise"""

Verdict = Literal["reproduced", "better", "worse", "not comparable"]


@dataclass(frozen=True)
class Claim:
    """One printed row: its numbers in percent, and under which conditions they were found."""

    data: str
    metrics: Mapping[str, float]
    verified: bool
    """read where it stands, not remembered"""
    source: str
    features: str
    """name of a feature file without its ending, such as ``res101``"""
    split: str
    """such as ``PS v1``"""
    class_embedding: str
    setting: str
    selection: str
    tolerance: float
    """percentage points, fixed beforehand"""


@dataclass(frozen=True)
class Comparison:
    """Numbers found here beside those of a claim."""

    claim: Claim
    differences: Mapping[str, float]
    """ours - theirs, percentage points"""
    reasons: tuple[str, ...]
    """why the two cannot be compared"""
    uncertain: bool
    """whether the interval of one of ours is wider than the tolerance"""

    @property
    def verdict(self) -> Verdict:
        """*Reproduced* where T1 and H lie within the tolerance; else *worse* where one lies below it, or *better*."""
        if self.reasons or not self.differences:
            return "not comparable"
        decisive = [self.differences[name] for name in DECISIVE if name in self.differences]
        differences = decisive or list(self.differences.values())
        if all(abs(difference) <= self.claim.tolerance for difference in differences):
            return "reproduced"
        return "worse" if min(differences) < -self.claim.tolerance else "better"

    def __str__(self) -> str:
        reasons = self.reasons or (() if self.differences else ("no number in common",))
        uncertain = ("the interval is wider than the tolerance",) if self.uncertain and not reasons else ()
        return ": ".join([self.verdict, *filter(None, ["; ".join((*reasons, *uncertain))])])


def claims(published: Mapping[str, Any] | None, place: str = "published") -> list[Claim]:
    """Every row of an experiment's ``published``, checked as it is read.

    Raises:
        InputError: a key is missing or unknown, a percentage out of range, H does not follow from u and s, or the rows
            of two data sets are the same.
    """
    if published is None:
        return []
    for key, cause in chain(_claim(place, published), _follow(place, published), _copies(place, published)):
        raise InputError(f"{key}: {cause}; look it up where it was printed, and correct it or leave it out")
    shared = {name: published[name] for name in CARRIED}
    return [
        Claim(
            data=data,
            metrics={name: float(row[name]) for name in METRICS if name in row},
            verified=row["verified"],
            tolerance=float(published["tolerance"]),
            **{name: row.get(name, value) for name, value in shared.items()},
        )
        for data, rows in published["results"].items()
        for row in rows
    ]


def compare(result: Result, metrics: Mapping[str, Summary], claim: Claim) -> Comparison:
    """``metrics``, over the seeds of runs of which ``result`` is one, beside what was claimed of the same data set."""
    shared = [name for name in METRICS if name in claim.metrics and name in metrics]
    return Comparison(
        claim,
        {name: metrics[name].mean - claim.metrics[name] for name in shared},
        tuple(_reasons(result, claim)),
        any((metrics[name].ci or 0.0) > claim.tolerance for name in shared),
    )


def features(result: Result) -> str:
    """What the features of a run are called: their file's name without its ending, or that of their backbone."""
    data = result.config.get("data", {})
    backbone = data.get("backbone")
    if isinstance(backbone, Mapping):
        return str(backbone.get("_target_", "")).rpartition(".")[2]
    return PurePath(str(data.get("features", result.data))).stem


def changed(result: Result) -> list[str]:
    """What was set on the command line and makes the run another experiment than its file describes."""
    return [override for override in result.overrides if not _adjustable(override.partition("=")[0].lstrip("+~"))]


def _adjustable(key: str) -> bool:
    aside = key in ADJUSTABLE or key in PLACES or key.startswith(ADJUSTABLE_BELOW)
    return aside and key not in NUMERIC


def _reasons(result: Result, claim: Claim) -> Iterator[str]:
    if not claim.verified:
        yield "unverified number"
    if result.protocol != "final":
        yield "ours is measured on validation classes"
    if result.selection.policy == "test":
        yield "ours is chosen on the test set"
    if features(result) != claim.features:
        yield f"other features ({features(result)}, not {claim.features})"
    if claim.split not in result.data_title:
        yield f"other split ({result.data_title}, not {claim.split})"
    if result.class_embedding != claim.class_embedding:
        yield f"other class embedding ({result.class_embedding}, not {claim.class_embedding})"
    if (result.setting == "transductive") != (claim.setting == "transductive"):
        yield f"other setting ({result.setting}, not {claim.setting})"
    if result.correction != "none":
        yield f"scores corrected ({result.correction})"
    if keys := [override.partition("=")[0].lstrip("+~") for override in changed(result)]:
        yield f"changed on the command line ({', '.join(dict.fromkeys(keys))})"


def _follow(place: str, published: Mapping[str, Any]) -> Iterator[Fault]:
    for data, rows in published["results"].items():
        for row in rows:
            if not {"u", "s", "H"} <= row.keys():
                continue
            u, s, H = row["u"], row["s"], row["H"]
            harmonic = 2 * u * s / (u + s) if u + s else 0.0
            if abs(H - harmonic) > SPREAD:
                yield f"{place}.results.{data}", f"H = {H} does not follow from u = {u} and s = {s}: {harmonic:.1f}"


def _copies(place: str, published: Mapping[str, Any]) -> Iterator[Fault]:
    """The numbers of one data set under the name of another, as AWA1 and AWA2 stand in some tables."""
    seen: dict[tuple[Any, ...], str] = {}
    for data, rows in published["results"].items():
        for row in rows:
            numbers = tuple(row.get(name) for name in METRICS)
            other = seen.setdefault(numbers, data)
            if other != data and sum(value is not None for value in numbers) > 1:
                yield f"{place}.results.{data}", f"the same numbers stand under {other}"


def _whether(key: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield key, f"{checks.show(value)} is not true or false"


def _row(key: str, value: Any) -> Iterator[Fault]:
    known: dict[str, Check] = {"verified": _whether, **dict.fromkeys(CARRIED, text)}
    known |= dict.fromkeys(METRICS, number(0, 100))
    if not isinstance(value, dict):
        yield key, f"{checks.show(value)} is not a row, such as {{T1: 54.9, verified: true}}"
        return
    yield from record({name: check for name, check in known.items() if name in value or name == "verified"})(key, value)
    if value.keys().isdisjoint(METRICS):
        yield key, f"has none of {', '.join(METRICS)}"


def _claim(key: str, value: Any) -> Iterator[Fault]:
    known: dict[str, Check] = dict.fromkeys(CARRIED, text)
    known |= {"tolerance": number(0, 100), "results": mapping(sequence(_row)), "hyperparameters": mapping(anything)}
    optional = {"hyperparameters"}
    if isinstance(value, dict):
        known = {name: check for name, check in known.items() if name in value or name not in optional}
    yield from record(known)(key, value)
