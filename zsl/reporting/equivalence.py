"""Is a number found again? The interval of its difference to the printed one, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from zsl.outputs.statistics import CONFIDENCE, Summary

Outcome: TypeAlias = Literal["reproduced", "better", "worse", "inconclusive"]

ENOUGH = 5
"""seeds that a method which draws random numbers needs to count as reproduced"""
MOST = 1000
"""seeds beyond which none are proposed"""
DIGITS = 9
"""decimals of a percentage point that count: a difference of exactly the tolerance lies within it"""


@dataclass(frozen=True)
class Difference:
    """Ours - theirs of one metric, with its 95 % interval."""

    mean: float
    half: float | None
    """half the width of the interval; None for one seed of a method that draws random numbers"""
    tolerance: float
    outcome: Outcome
    seeds: int | None = None
    """of an inconclusive one: how many of ours it would take if mean and spread stayed the same; None where no number
    up to `MOST` would do"""


def difference(ours: Summary, theirs: Summary, tolerance: float, deterministic: bool = False) -> Difference:
    """Compare two means of independent runs, by Welch's interval and by equivalence within ± ``tolerance``.

        d ± t₍.975, ν₎ · e,   e² = s₁² / n₁ + s₂² / n₂,   ν = e⁴ / Σ (sᵢ² / nᵢ)² / (nᵢ - 1)

    *Reproduced*: the interval lies within [-tolerance, tolerance] (two one-sided tests at 2.5 % each), of at least
    `ENOUGH` seeds. *Better* or *worse*: it lies wholly above or below that. Else *inconclusive*. A ``deterministic``
    number of ours has no spread, and one seed is enough. A single printed number is taken as it is, as its spread is
    not known.

    Sources: Welch 1947; Schuirmann 1987.
    """
    mean, half = ours.mean - theirs.mean, _half(ours, theirs, ours.n, deterministic)
    enough = deterministic or ours.n >= ENOUGH
    if half is None:
        return Difference(mean, None, tolerance, "inconclusive", ENOUGH)
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
    """The fewest seeds with which the interval is decided: within the margin inside of the tolerance, or outside."""
    fewest = max(ENOUGH, ours.n + (ours.n >= ENOUGH)) if margin >= 0 else ours.n + 1
    for n in range(fewest, MOST + 1):
        half = _half(ours, theirs, n, False)
        if half is not None and half < abs(margin):
            return n
    return None


def _half(ours: Summary, theirs: Summary, n: int, deterministic: bool) -> float | None:
    """Half the width of the interval if ours were ``n`` seeds with the spread that they have."""
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
