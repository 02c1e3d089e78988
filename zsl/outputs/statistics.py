"""Mean, standard deviation and confidence interval over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """Mean of one metric over n seeds; for one seed there is neither a standard deviation nor an interval."""

    mean: float
    std: float | None
    """standard deviation with n − 1 in the denominator"""
    ci: float | None
    """half the width of the 95 % confidence interval of the mean"""
    n: int


def summarize(values: Sequence[float]) -> Summary:
    """Return mean ± t₍.975, n−1₎ · std / √n with Student's t, which assumes independent, roughly normal values.

    Sums are computed exactly and rounded once, so that the order of the values does not matter.
    """
    n = len(values)
    if n == 1:
        return Summary(float(values[0]), None, None, 1)
    from scipy.special import stdtrit

    std = stdev(values)
    t = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    return Summary(fmean(values), std, t * std / math.sqrt(n), n)


def over_seeds(runs: Sequence[Mapping[str, float]]) -> dict[str, Summary]:
    """Summarise every metric that any of the runs has over the runs that have it."""
    names = dict.fromkeys(name for metrics in runs for name in metrics)
    return {name: summarize([metrics[name] for metrics in runs if name in metrics]) for name in names}
