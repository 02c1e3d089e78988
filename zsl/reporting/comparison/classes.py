"""Which classes gain and which lose between two contenders."""

from __future__ import annotations

from dataclasses import dataclass

from zsl.errors import InputError
from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.outputs.statistics import Summary, summarize
from zsl.reporting.comparison.comparisons import pairs
from zsl.reporting.comparison.contenders import Contender, Population, Runs

KINDS = {"T1": ("T1",), "u": ("u",), "s": ("s",), "H": ("u", "s")}
"""metric -> the accuracies by class that it is made of"""
MOST = 8
"""classes shown that gain, and that lose; CSV has all of them"""


@dataclass(frozen=True)
class ClassDifference:
    """One class: accuracies of a and b in percent, means over seeds, and a - b."""

    name: str
    kind: str
    """which accuracy: T1, u or s"""
    a_mean: float
    b_mean: float
    difference: Summary
    """over seeds; its interval is of this class by itself"""
    gained: int
    """seeds with which a is above b"""
    lost: int


@dataclass(frozen=True)
class ClassDifferences:
    """All classes of one class split, those that gain most first."""

    title: str
    protocol: str
    metric: str
    a: Contender
    b: Contender
    seeds: tuple[int, ...]
    lines: tuple[ClassDifference, ...]

    @property
    def extremes(self) -> tuple[ClassDifference, ...]:
        """The `MOST` that gain most and the `MOST` that lose most, of few classes all."""
        return self.lines if len(self.lines) <= 2 * MOST else (*self.lines[:MOST], *self.lines[-MOST:])


def by_class(world: Population, runs: Runs, metric: str, a: Contender, b: Contender) -> ClassDifferences | None:
    """Accuracies by class of the runs that share a seed, in a population of one world; None where no runs do,
    or none of them has values by class.

    Raises:
        InputError: the metric is not made of accuracies by class.
    """
    kinds = KINDS.get(metric.removesuffix(DAGGER))
    if kinds is None:
        raise InputError(f"--per-class: {metric} has no values by class; --metric is one of {', '.join(KINDS)}")
    (place,) = world.worlds
    couples = [
        couple
        for couple in pairs(runs[a].get(place, {}), runs[b].get(place, {}))
        if all(metric in run.metrics for run in couple)
    ]
    if not couples:
        return None
    seeds = tuple(dict.fromkeys(max(couple, key=lambda run: not run.deterministic).seed for couple in couples))
    lines = [
        line
        for kind in kinds
        for name in couples[0][0].per_class.get(kind, {})
        if (line := _difference(name, kind, couples))
    ]
    if not lines:
        return None
    lines.sort(key=lambda line: (-line.difference.mean, line.kind, line.name))
    return ClassDifferences(world.title, world.protocol, metric, a, b, seeds, tuple(lines))


def _difference(name: str, kind: str, pairs: list[tuple[Result, Result]]) -> ClassDifference | None:
    """None for a class that has no test images in some run."""
    values = [(_accuracy(a, kind, name), _accuracy(b, kind, name)) for a, b in pairs]
    known = [(a, b) for a, b in values if a is not None and b is not None]
    if len(known) < len(values):
        return None
    differences = [round(a - b, 9) for a, b in known]
    mean_a, mean_b = (summarize(list(column)).mean for column in zip(*known, strict=True))
    gained, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    return ClassDifference(name, kind, mean_a, mean_b, summarize(differences), gained, lost)


def _accuracy(run: Result, kind: str, name: str) -> float | None:
    return run.per_class.get(kind, {}).get(name)
