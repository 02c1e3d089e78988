"""Differences of per-class accuracy between two contenders."""

from __future__ import annotations

from dataclasses import dataclass

from zsl.errors import InputError
from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.outputs.statistics import Summary, summarize
from zsl.reporting.comparison.comparisons import run_pairs
from zsl.reporting.comparison.contenders import Contender, Runs, SplitGroup, pretraining
from zsl.reporting.layout import pretraining_cell

KINDS = {"T1": ("T1",), "u": ("u",), "s": ("s",), "H": ("u", "s")}
"""metric -> the per-class accuracies that it is computed from"""
MOST = 8
"""greatest number of gaining and of losing classes that are shown; CSV has all of them"""


@dataclass(frozen=True)
class ClassDifference:
    """Accuracies of contenders a and b on one class in percent, means over seeds, and their difference a - b."""

    name: str
    kind: str
    """accuracy: T1, u or s"""
    a_mean: float
    b_mean: float
    difference: Summary
    """difference over seeds; its interval is not corrected for the number of classes"""
    gained: int
    """number of seeds with which a is above b"""
    lost: int
    """number of seeds with which a is below b"""


@dataclass(frozen=True)
class ClassDifferences:
    """Differences on all classes of one class split, the greatest gain first."""

    title: str
    protocol: str
    metric: str
    a: Contender
    b: Contender
    seeds: tuple[int, ...]
    lines: tuple[ClassDifference, ...]
    pretraining: str = ""
    """what the card of the data set says of the pretraining of its backbone"""

    @property
    def extremes(self) -> tuple[ClassDifference, ...]:
        """The `MOST` classes that gain most and the `MOST` that lose most, or all classes where there are few."""
        return self.lines if len(self.lines) <= 2 * MOST else (*self.lines[:MOST], *self.lines[-MOST:])


def by_class(group: SplitGroup, runs: Runs, metric: str, a: Contender, b: Contender) -> ClassDifferences | None:
    """Compare per-class accuracies of two contenders on one class split, over the seeds that both have.

    Returns:
        None where the two have no seed in common, or no per-class accuracies.

    Raises:
        InputError: the metric is not computed from per-class accuracies.
    """
    kinds = KINDS.get(metric.removesuffix(DAGGER))
    if kinds is None:
        raise InputError(f"--per-class: {metric} has no values by class; --metric is one of {', '.join(KINDS)}")
    (split,) = group.splits
    pairs = [
        pair
        for pair in run_pairs(runs[a].get(split, {}), runs[b].get(split, {}))
        if all(metric in run.metrics for run in pair)
    ]
    if not pairs:
        return None
    seeds = tuple(dict.fromkeys(max(pair, key=lambda run: not run.deterministic).seed for pair in pairs))
    lines = [
        line
        for kind in kinds
        for name in pairs[0][0].per_class.get(kind, {})
        if (line := _difference(name, kind, pairs))
    ]
    if not lines:
        return None
    lines.sort(key=lambda line: (-line.difference.mean, line.kind, line.name))
    trained = pretraining_cell(pretraining(runs, group.splits))
    return ClassDifferences(group.title, group.protocol, metric, a, b, seeds, tuple(lines), trained)


def _difference(name: str, kind: str, pairs: list[tuple[Result, Result]]) -> ClassDifference | None:
    """Return the difference on one class, or None where a run has no test images of it."""
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
