"""Importance of hyperparameters: shares of the variance of the score over trials."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

GRID = 8
"""greatest number of distinct values of a grid; a number with more values is divided at its quartiles"""


def main_effects(points: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> dict[str, float]:
    """Return η² = Var(E[score | p]) / Var(score), in [0, 1], of every hyperparameter p over these points.

    On a full grid this is the first-order Sobol index, the main effect of functional ANOVA [Hutter2014]: the shares add
    up to at most 1, and the rest is interaction. On incomplete grids and random samples it is an approximation.
    Hyperparameters that do not vary, and scores that do not vary, have no shares.
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
    """Tell whether the points are all combinations of their values, each once."""
    names = list(dict.fromkeys(name for point in points for name in point))
    seen = {tuple(json.dumps(point.get(name)) for name in names) for point in points}
    combinations = np.prod([len({json.dumps(point.get(name)) for point in points}) for name in names])
    return len(seen) == len(points) == combinations


def levels(values: Sequence[Any]) -> list[str]:
    """Return the level of each value; many distinct numbers are grouped by their quartiles."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values) and len(set(numbers)) > GRID:
        edges = np.quantile(numbers, [0.25, 0.5, 0.75])
        return [str(np.searchsorted(edges, number)) for number in numbers]
    return [json.dumps(value, sort_keys=True) for value in values]
