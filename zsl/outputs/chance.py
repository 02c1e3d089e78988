"""Metrics that are not above chance, which every table marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.outputs.statistics import Summary

PARTS = {"T1": ("T1",), "u": ("u",), "s": ("s",), "H": ("u", "s")}
"""metric -> the accuracies whose chance level decides; H is at chance where u or s is"""


def levels(runs: Sequence[Result]) -> dict[str, float]:
    """Return the chance level of T1, u and s in percent: 100 / number of candidate classes."""
    return {name: 100 / count for name, count in _candidates(runs[0]).items() if count}


def at_chance(runs: Sequence[Result], metrics: Mapping[str, Summary]) -> frozenset[str]:
    """Return the metrics among T1, u, s, H (also marked †) whose mean over runs is not above chance.

    A metric is at chance where its mean lies within the interval of chance that the runs recorded, or where its 95 %
    interval over seeds reaches down to the chance level. Where no interval of chance was recorded, the chance level
    is its upper end.
    """
    guess = levels(runs)
    marked = set()
    for name, level in guess.items():
        high = fmean(run.chance.get(name, {}).get("high", level) for run in runs)
        for metric in (name, name + DAGGER):
            if (found := metrics.get(metric)) and (found.mean <= high or found.mean - (found.ci or 0.0) <= level):
                marked.add(metric)
    return frozenset(metric for metric in metrics if any(part in marked for part in _parts(metric)))


def _parts(metric: str) -> tuple[str, ...]:
    mark = DAGGER * metric.endswith(DAGGER)
    return tuple(part + mark for part in PARTS.get(metric.removesuffix(DAGGER), ()))


def _candidates(run: Result) -> dict[str, int]:
    among = run.per_class
    every = len(among["u"]) + len(among["s"]) if {"u", "s"} <= among.keys() else 0
    return {"T1": len(among.get("T1", {})), "u": every, "s": every}
