"""Resampling of predictions: bootstrap over test images, bootstrap and permutation test over classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray as Array

from zsl.outputs.statistics import CONFIDENCE

DRAWS = 5000
"""number of resamples; the smallest p is 2 / (DRAWS + 1)"""
COUNTED = 12
"""greatest number of classes of which all 2¹² = 4096 permutations are enumerated"""
CELLS = 2**21
"""greatest number of values that are drawn at a time, to limit memory"""
DIGITS = 9
"""decimals to which differences are rounded"""


@dataclass(frozen=True)
class Hits:
    """Correctness of the predictions of two methods for the same images, those of T1, u or s."""

    labels: Int64[Array, " n"]
    a: Bool[Array, "seeds_a n"]
    b: Bool[Array, "seeds_b n"]


@dataclass(frozen=True)
class Accuracies:
    """Accuracies in percent of two methods on the same classes, those of T1, u or s."""

    a: Float64[Array, "seeds_a classes"]
    b: Float64[Array, "seeds_b classes"]


@dataclass(frozen=True)
class Resampled:
    """Difference a - b, its 95 % percentile interval, and a two-sided p."""

    difference: float
    low: float
    high: float
    p: float


def over_images(parts: Mapping[str, Hits], draws: int = DRAWS) -> Resampled:
    """Bootstrap the test images within each class, with the same resample for both methods.

    The difference is one of T1, u or s, or, where ``parts`` are u and s, of H; each is the mean over the seeds of a
    method. p = 2 min(P(d* ≤ 0), P(d* ≥ 0)) of the resampled differences d*, with one added to counts and draws: the
    level at which the percentile interval reaches 0. A class of one image does not vary. Source: Efron and Tibshirani
    1993, § 13 and § 15.
    """
    generator = np.random.default_rng(0)
    drawn, found = [], []
    for name in sorted(parts):
        resampled, actual = _by_class(parts[name], draws, generator)
        drawn.append(resampled)
        found.append(actual)
    return _interval(_difference(found)[0], _difference(drawn))


def over_classes(parts: Mapping[str, Accuracies], draws: int = DRAWS) -> Resampled:
    """Bootstrap the classes for the interval, and exchange the two methods class by class for a permutation test.

    Under the null hypothesis that both methods have the same accuracy on every class, their accuracies on a class may
    be exchanged. p is the share of permutations whose difference is at least as large as the observed one. Up to
    `COUNTED` classes all permutations are enumerated, else ``draws`` of them are drawn, with one added to counts and
    draws. In the permutation test accuracies of a class are means over seeds, and H is computed from their means.
    Sources: Efron and Tibshirani 1993, § 13 and § 15; Fisher 1935, § 21.
    """
    generator = np.random.default_rng(0)
    drawn, found = [], []
    for name in sorted(parts):
        part = parts[name]
        classes = part.a.shape[1]
        resampled: list[tuple[Array, Array]] = []
        for count in _chunks(draws, classes):
            weights = generator.multinomial(classes, np.full(classes, 1 / classes), count) / classes
            resampled.append((weights @ part.a.T, weights @ part.b.T))
        drawn.append((np.concatenate([a for a, _ in resampled]), np.concatenate([b for _, b in resampled])))
        found.append((part.a.mean(axis=1)[None], part.b.mean(axis=1)[None]))
    interval = _interval(_difference(found)[0], _difference(drawn))
    return Resampled(interval.difference, interval.low, interval.high, _permutation_p(parts, draws, generator))


def _by_class(
    hits: Hits, draws: int, generator: np.random.Generator
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return means over classes of resampled and of observed accuracies in percent, draws × seeds.

    Images of a class that the same seeds predict correctly are interchangeable: their number in a resample is
    multinomial.
    """
    both, seeds = np.concatenate([hits.a, hits.b]), len(hits.a)
    classes = np.unique(hits.labels)
    resampled, actual = np.zeros((draws, len(both))), np.zeros((1, len(both)))
    for label in classes:
        patterns, counts = np.unique(both[:, hits.labels == label].T, axis=0, return_counts=True)
        n = counts.sum()
        resampled += generator.multinomial(n, counts / n, draws) @ patterns * (100 / n)
        actual += counts @ patterns * (100 / n)
    resampled, actual = resampled / len(classes), actual / len(classes)
    return (resampled[:, :seeds], resampled[:, seeds:]), (actual[:, :seeds], actual[:, seeds:])


def _permutation_p(parts: Mapping[str, Accuracies], draws: int, generator: np.random.Generator) -> float:
    """Return the two-sided p of the permutation test that exchanges the two methods class by class."""
    means = [(part.a.mean(axis=0), part.b.mean(axis=0)) for _, part in sorted(parts.items())]
    classes = sum(len(a) for a, _ in means)
    if classes <= COUNTED:
        every: Array = (np.arange(2**classes)[:, None] >> np.arange(classes)) & 1
        reached = _after(means, every)
        return float(np.mean(reached >= reached[0]))
    found = _after(means, np.zeros((1, classes), np.int64))
    chunks = _chunks(draws, classes)
    large = (np.count_nonzero(_after(means, generator.integers(0, 2, (n, classes))) >= found) for n in chunks)
    return (1 + sum(map(int, large))) / (1 + draws)


def _after(means: Sequence[tuple[Array, Array]], swaps: Int64[Array, "draws classes"]) -> Float64[Array, " draws"]:
    """Return absolute differences after exchanges, with ``swaps`` 1 for a class whose two accuracies are exchanged."""
    pairs, start = [], 0
    for a, b in means:
        moved = swaps[:, start : start + len(a)] @ (b - a) / len(a)
        pairs.append(((a.mean() + moved)[:, None], (b.mean() - moved)[:, None]))
        start += len(a)
    return np.asarray(np.round(np.abs(_difference(pairs)), DIGITS))


def _chunks(draws: int, classes: int) -> list[int]:
    """Divide ``draws`` into parts that do not exceed `CELLS` values for this number of classes."""
    most = max(1, CELLS // classes)
    return [min(most, draws - start) for start in range(0, draws, most)]


def _difference(parts: Sequence[tuple[Array, Array]]) -> Float64[Array, " draws"]:
    """Return a - b of the metric: the accuracy of a single part, or the harmonic mean of u and s."""
    return np.asarray(_metric([a for a, _ in parts]) - _metric([b for _, b in parts]))


def _metric(values: Sequence[Array]) -> Float64[Array, " draws"]:
    if len(values) == 1:
        return np.asarray(values[0].mean(axis=1))
    one, other = values
    total = one + other
    H = np.divide(2 * one * other, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(H.mean(axis=1))


def _interval(difference: float, drawn: Float64[Array, " draws"]) -> Resampled:
    rounded = np.round(drawn, DIGITS)
    low, high = np.quantile(rounded, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    beyond = 1 + min(np.count_nonzero(rounded <= 0), np.count_nonzero(rounded >= 0))
    return Resampled(float(difference), float(low), float(high), min(1.0, 2 * beyond / (1 + len(drawn))))
