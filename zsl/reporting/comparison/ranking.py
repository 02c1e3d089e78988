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
from zsl.reporting.comparison.comparisons import MINIMUM, Unit
from zsl.reporting.comparison.contenders import (
    Adapted,
    Contender,
    Runs,
    SplitGroup,
    adapted,
    by_protocol,
    share_images,
    single_splits,
)
from zsl.reporting.comparison.paired import ALPHA, DIGITS


@dataclass(frozen=True)
class Ranking:
    """Ranking of contenders from best to worst; ties share their mean rank."""

    protocol: str
    metric: str
    unit: Unit
    """unit of a block: data set, or class split of one data set"""
    blocks: tuple[str, ...]
    contenders: tuple[Contender, ...]
    ranks: tuple[float, ...]
    statistic: float
    """Friedman's χ²"""
    p: float
    critical_difference: float
    groups: tuple[tuple[int, int], ...]
    """positions of the first and the last contender of the largest groups without significant differences"""
    left_out: tuple[Contender, ...] = ()
    """contenders that were not run on all blocks"""
    shared_images: bool = False
    """whether some data sets have the same images"""
    adapted: Adapted = ()
    """contenders whose configuration varies between blocks, with the keys that vary"""

    @property
    def verdict(self) -> str:
        """Results of the two tests as text."""
        if self.p >= ALPHA:
            return f"no difference is significant (Friedman's p is not below {ALPHA})"
        return (
            f"average ranks that differ by {self.critical_difference:.2f} or more differ significantly at {ALPHA:.0%}"
        )


def rankings(runs: Runs, metric: str) -> tuple[list[Ranking], list[str]]:
    """Return a ranking for each protocol, and the reasons why there is none for others."""
    ranked, missing = [], []
    for found in by_protocol(runs).values():
        try:
            ranked.append(rank(found, runs, metric))
        except InputError as error:
            missing.append(str(error))
    return ranked, missing


def rank(found: Sequence[SplitGroup], runs: Runs, metric: str) -> Ranking:
    """Rank contenders over data sets, or over the class splits of a single data set.

    Raises:
        InputError: fewer than three data sets or class splits have the metric, or fewer than three contenders were run
            on all of them; the message lists them.
    """
    one = len(found) == 1 and len(found[0].splits) > 1
    unit: Unit = "class split" if one else "data set"
    places = single_splits(found[0], runs) if one else found
    blocks = [place for place in places if any(not math.isnan(_mean(row, place, runs, metric)) for row in runs)]
    means = {contender: [_mean(contender, block, runs, metric) for block in blocks] for contender in runs}
    means = {contender: values for contender, values in means.items() if not all(map(math.isnan, values))}
    whole = [contender for contender, values in means.items() if not any(map(math.isnan, values))]
    if len(blocks) < MINIMUM:
        raise InputError(
            f"a ranking needs {MINIMUM} data sets, or {MINIMUM} class splits of one; here {_count(len(blocks), unit)} "
            f"({'; '.join(block.title for block in blocks) or 'none'})"
        )
    if len(whole) < MINIMUM:
        names = ", ".join(contender.label for contender in whole) or "none"
        raise InputError(f"a ranking needs {MINIMUM} rows that were run on all {len(blocks)} {unit}s; here {names}")
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
        not one and share_images([block.splits[0] for block in blocks], ("labels",)),
        adapted({contender: runs[contender] for contender in whole}, found),
    )


def friedman(table: Float[Array, "blocks k"]) -> tuple[Float[Array, " k"], float, float]:
    """Return average ranks (1 for the largest), Friedman's χ² and its p.

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
    """Return Nemenyi's critical difference of average ranks at 5 % over all pairs of k methods on n data sets.

        CD = q √(k (k + 1) / 6n),   q the .95 quantile of the studentized range of k and ∞, divided by √2

    It is used instead of cliques of Holm-corrected Wilcoxon tests, as zero-shot learning has few data sets: with fewer
    than 6, Wilcoxon's test never reaches 5 %. The result for two methods depends on the other methods (Benavoli et al.
    2016), so that Wilcoxon tests are reported in addition. Sources: Nemenyi 1963; Demšar 2006, § 3.2.2, table 5.
    """
    from scipy import stats

    return float(stats.studentized_range.ppf(1 - ALPHA, k, math.inf)) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n))


def groups(ranks: Sequence[float], difference: float) -> tuple[tuple[int, int], ...]:
    """Return first and last position of every maximal group of two or more sorted ranks within ``difference``."""
    last = [
        max(j for j in range(i, len(ranks)) if j == i or ranks[j] - ranks[i] < difference) for i in range(len(ranks))
    ]
    runs = [(i, j) for i, j in enumerate(last) if j > i]
    return tuple((i, j) for i, j in runs if not any(h < i and j <= k for h, k in runs))


def _mean(contender: Contender, block: SplitGroup, runs: Runs, metric: str) -> float:
    """Return the mean over class splits of the mean over seeds; NaN where a class split has no run."""
    splits = [runs[contender].get(place, {}).values() for place in block.splits]
    values = [[run.metrics[metric] for run in found if metric in run.metrics] for found in splits]
    return fmean(map(fmean, values)) if all(values) else math.nan


def _count(n: int, unit: str) -> str:
    return f"is {n} {unit}" if n == 1 else f"are {n} {unit}s"
