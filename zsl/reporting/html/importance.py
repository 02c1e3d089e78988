"""Which hyperparameter moves the score: shares of its variance over the points that were tried."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

GRID = 8
"""a number with more different values than these was drawn, not taken from a grid; it is cut at its quartiles"""


def main_effects(points: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> dict[str, float]:
    """η² of every hyperparameter p: Var(E[score | p]) / Var(score), in [0, 1], over the points that were tried.

    On a full grid this is the first-order Sobol index, that is, functional ANOVA's main effect of p [Hutter2014]: the
    shares add up to at most 1, and what is missing is interaction. Of points that were drawn or lost it is an
    approximation. Hyperparameters that were not varied, and scores that do not vary, have no shares.
    """
    values = np.asarray(scores, dtype=float)
    total = float(values.var())
    names = dict.fromkeys(name for point in points for name in point)
    shares = {}
    for name in names:
        groups = defaultdict(list)
        for level, value in zip(levels([point.get(name) for point in points]), values, strict=True):
            groups[level].append(value)
        if len(groups) > 1 and total > 0:
            between = sum(len(group) * (np.mean(group) - values.mean()) ** 2 for group in groups.values())
            shares[name] = float(between / (len(values) * total))
    return dict(sorted(shares.items(), key=lambda pair: (-pair[1], pair[0])))


def full(points: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the points are all combinations of their values, each once."""
    names = list(dict.fromkeys(name for point in points for name in point))
    seen = {tuple(json.dumps(point.get(name)) for name in names) for point in points}
    combinations = np.prod([len({json.dumps(point.get(name)) for point in points}) for name in names])
    return len(seen) == len(points) == combinations


def levels(values: Sequence[Any]) -> list[str]:
    """Equal values, equal levels."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values) and len(set(numbers)) > GRID:
        edges = np.quantile(numbers, [0.25, 0.5, 0.75])
        return [str(np.searchsorted(edges, number)) for number in numbers]
    return [json.dumps(value, sort_keys=True) for value in values]
