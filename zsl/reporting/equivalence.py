"""Equivalence tests of a number with a published one: the interval of their difference, and its outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from zsl.outputs.statistics import CONFIDENCE, Summary

Outcome: TypeAlias = Literal["reproduced", "better", "worse", "inconclusive"]

MIN_SEEDS = 5
"""least number of seeds with which a method that draws random numbers counts as reproduced"""
MAX_SEEDS = 1000
"""greatest number of seeds that is proposed"""
DIGITS = 9
"""decimals to which limits of intervals are rounded: a difference of exactly the tolerance lies within it"""


@dataclass(frozen=True)
class Difference:
    """Difference ours - theirs of one metric, with its 95 % interval."""

    mean: float
    half: float | None
    """half the width of the interval; None for one seed of a method that draws random numbers"""
    tolerance: float
    outcome: Outcome
    seeds: int | None = None
    """for an inconclusive outcome, the number of our seeds that would decide it if mean and standard deviation stayed
    the same; None where no number up to `MAX_SEEDS` would"""


def difference(ours: Summary, theirs: Summary, tolerance: float, deterministic: bool = False) -> Difference:
    """Compare two means of independent runs, by Welch's interval and by equivalence within ± ``tolerance``.

        d ± t₍.975, ν₎ · e,   e² = s₁² / n₁ + s₂² / n₂,   ν = e⁴ / Σ (sᵢ² / nᵢ)² / (nᵢ - 1)

    *Reproduced*: the interval lies within [-tolerance, tolerance] (two one-sided tests at 2.5 % each), with at least
    `MIN_SEEDS` seeds. *Better* or *worse*: the interval lies wholly above or below that range. Otherwise
    *inconclusive*. If ours is ``deterministic``, its standard deviation is 0 and one seed is enough. A single published
    number is taken as exact, as its standard deviation is not known.

    Sources: Welch 1947; Schuirmann 1987.
    """
    mean, half = ours.mean - theirs.mean, _half(ours, theirs, ours.n, deterministic)
    enough = deterministic or ours.n >= MIN_SEEDS
    if half is None:
        return Difference(mean, None, tolerance, "inconclusive", MIN_SEEDS)
    low, high = round(mean - half, DIGITS), round(mean + half, DIGITS)
    if low > tolerance:
        return Difference(mean, half, tolerance, "better")
    if high < -tolerance:
        return Difference(mean, half, tolerance, "worse")
    if enough and -tolerance <= low and high <= tolerance:
        return Difference(mean, half, tolerance, "reproduced")
    needed = None if deterministic else _needed(ours, theirs, tolerance - abs(mean))
    return Difference(mean, half, tolerance, "inconclusive", needed)


def _needed(ours: Summary, theirs: Summary, margin: float) -> int | None:
    """Return the least number of seeds with which half the interval is shorter than the margin, or None."""
    fewest = max(MIN_SEEDS, ours.n + (ours.n >= MIN_SEEDS)) if margin >= 0 else ours.n + 1
    for n in range(fewest, MAX_SEEDS + 1):
        half = _half(ours, theirs, n, False)
        if half is not None and half < abs(margin):
            return n
    return None


def _half(ours: Summary, theirs: Summary, n: int, deterministic: bool) -> float | None:
    """Return half the width of the interval if ours had ``n`` seeds and the same standard deviation."""
    if ours.std is None and not deterministic:
        return None
    from scipy.special import stdtrit

    spreads = ((0.0 if deterministic else ours.std or 0.0, n), (theirs.std or 0.0, theirs.n))
    parts = [(std**2 / count, count - 1) for std, count in spreads if std > 0]
    if not parts:
        return 0.0
    squared = sum(part for part, _ in parts)
    freedom = squared**2 / sum(part**2 / degrees for part, degrees in parts)
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(squared)
