"""Average ranks over data sets: Friedman's test and Nemenyi's critical difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.reporting.best import higher_is_better
from zsl.reporting.comparison.comparisons import ENOUGH, Unit
from zsl.reporting.comparison.contenders import (
    Adapted,
    Contender,
    Population,
    Runs,
    adapted,
    alone,
    by_protocol,
    share_images,
)
from zsl.reporting.comparison.paired import ALPHA, DIGITS


@dataclass(frozen=True)
class Ranking:
    """Contenders from best to worst; ties share their mean rank."""

    protocol: str
    metric: str
    unit: Unit
    """what is ranked in: data sets, or class splits of one"""
    blocks: tuple[str, ...]
    contenders: tuple[Contender, ...]
    ranks: tuple[float, ...]
    statistic: float
    """Friedman's χ²"""
    p: float
    critical_difference: float
    groups: tuple[tuple[int, int], ...]
    """first and last of contenders that cannot be told apart; the largest such groups"""
    left_out: tuple[Contender, ...] = ()
    """those that were not run everywhere"""
    shared_images: bool = False
    """whether some data sets have the same images"""
    adapted: Adapted = ()
    """who was not configured alike everywhere, and in which keys"""

    @property
    def verdict(self) -> str:
        """What the two tests say, in words."""
        if self.p >= ALPHA:
            return f"no difference between them is established (Friedman's p is not below {ALPHA})"
        return f"average ranks that differ by {self.critical_difference:.2f} or more are apart at {ALPHA:.0%}"


def rankings(runs: Runs, metric: str) -> tuple[list[Ranking], list[str]]:
    """A ranking for each protocol, and what others lack."""
    ranked, missing = [], []
    for found in by_protocol(runs).values():
        try:
            ranked.append(rank(found, runs, metric))
        except InputError as error:
            missing.append(str(error))
    return ranked, missing


def rank(found: Sequence[Population], runs: Runs, metric: str) -> Ranking:
    """Rank over data sets that have the metric, or, where there is one with several class splits, over these.

    Raises:
        InputError: fewer than three of them, or fewer than three contenders that were run in all; the message says
            which.
    """
    one = len(found) == 1 and len(found[0].worlds) > 1
    unit: Unit = "class split" if one else "data set"
    places = alone(found[0], runs) if one else found
    blocks = [place for place in places if any(not math.isnan(_mean(row, place, runs, metric)) for row in runs)]
    means = {contender: [_mean(contender, block, runs, metric) for block in blocks] for contender in runs}
    means = {contender: values for contender, values in means.items() if not all(map(math.isnan, values))}
    whole = [contender for contender, values in means.items() if not any(map(math.isnan, values))]
    if len(blocks) < ENOUGH:
        raise InputError(
            f"a ranking takes {ENOUGH} data sets, or {ENOUGH} class splits of one; here {_count(len(blocks), unit)} "
            f"({'; '.join(block.title for block in blocks) or 'none'})"
        )
    if len(whole) < ENOUGH:
        names = ", ".join(contender.label for contender in whole) or "none"
        raise InputError(f"a ranking takes {ENOUGH} rows that were run on all {len(blocks)} {unit}s; here {names}")
    table = np.array([means[contender] for contender in whole]).T
    ranks, statistic, p = friedman(table if higher_is_better(metric) else -table)
    order = sorted(range(len(whole)), key=lambda i: (ranks[i], whole[i]))
    sorted_ranks = [float(ranks[i]) for i in order]
    difference = critical_difference(len(whole), len(blocks))
    every = ((0, len(whole) - 1),)
    return Ranking(
        found[0].protocol,
        metric,
        unit,
        tuple(block.title for block in blocks),
        tuple(whole[i] for i in order),
        tuple(sorted_ranks),
        statistic,
        p,
        difference,
        groups(sorted_ranks, difference) if p < ALPHA else every,
        tuple(contender for contender in means if contender not in whole),
        not one and share_images([block.worlds[0] for block in blocks], ("labels",)),
        adapted({contender: runs[contender] for contender in whole}, found),
    )


def friedman(table: Float[Array, "blocks k"]) -> tuple[Float[Array, " k"], float, float]:
    """Average ranks (1 is the largest), Friedman's χ² and its p.

        χ² = 12 N / (k (k + 1)) · (Σⱼ R̄ⱼ² - k (k + 1)² / 4), divided by 1 - Σ (t³ - t) / (N (k³ - k)) for ties of t

    with k - 1 degrees of freedom. Sources: Friedman 1937; Demšar 2006, § 3.2.2.
    """
    from scipy import stats

    values = np.round(table, DIGITS)
    ranks = stats.rankdata(-values, axis=1).mean(axis=0)
    if not np.ptp(values, axis=1).any():
        return ranks, 0.0, 1.0
    found = stats.friedmanchisquare(*values.T)
    return ranks, float(found.statistic), float(found.pvalue)


def critical_difference(k: int, n: int) -> float:
    """CD = q √(k (k + 1) / 6n), q the .95 quantile of the studentized range of k and ∞ over √2: Nemenyi's.

    Two of k methods whose average ranks over n data sets differ by at least CD differ at 5 % over all pairs. Chosen
    over cliques of Holm-corrected Wilcoxon tests as zero-shot learning has few data sets: with fewer than 6 that test
    never reaches 5 %. What it costs is that the verdict on two depends on the others (Benavoli et al. 2016), so those
    tests are beside it. Sources: Nemenyi 1963; Demšar 2006, § 3.2.2, table 5.
    """
    from scipy import stats

    return float(stats.studentized_range.ppf(1 - ALPHA, k, math.inf)) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n))


def groups(ranks: Sequence[float], difference: float) -> tuple[tuple[int, int], ...]:
    """First and last of every largest run of ``ranks``, sorted, that spans less than ``difference``; two or more."""
    last = [
        max(j for j in range(i, len(ranks)) if j == i or ranks[j] - ranks[i] < difference) for i in range(len(ranks))
    ]
    runs = [(i, j) for i, j in enumerate(last) if j > i]
    return tuple((i, j) for i, j in runs if not any(h < i and j <= k for h, k in runs))


def _mean(contender: Contender, block: Population, runs: Runs, metric: str) -> float:
    """Over the seeds of every world, then over the worlds; NaN where it was not run in all of them."""
    worlds = [runs[contender].get(place, {}).values() for place in block.worlds]
    values = [[run.metrics[metric] for run in found if metric in run.metrics] for found in worlds]
    return fmean(map(fmean, values)) if all(values) else math.nan


def _count(n: int, unit: str) -> str:
    return f"is {n} {unit}" if n == 1 else f"are {n} {unit}s"
