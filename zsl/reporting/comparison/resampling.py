"""Would a difference come again with new test images, or with new classes? Resampling of what was predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray as Array

from zsl.outputs.statistics import CONFIDENCE

DRAWS = 5000
"""resamples; the smallest p is 2 / (DRAWS + 1)"""
COUNTED = 12
"""classes up to which all 2¹² = 4096 exchanges are counted"""
CELLS = 2**21
"""numbers that are drawn at a time"""
DIGITS = 9
"""decimals that count"""


@dataclass(frozen=True)
class Hits:
    """Which of the same images, all of one kind (T1, u or s), two methods get right."""

    labels: Int64[Array, " n"]
    a: Bool[Array, "seeds_a n"]
    b: Bool[Array, "seeds_b n"]


@dataclass(frozen=True)
class Accuracies:
    """Accuracies of two methods on the same classes, all of one kind, in percent."""

    a: Float64[Array, "seeds_a classes"]
    b: Float64[Array, "seeds_b classes"]


@dataclass(frozen=True)
class Resampled:
    """The difference a - b, its 95 % percentile interval, and a two-sided p."""

    difference: float
    low: float
    high: float
    p: float


def over_images(parts: Mapping[str, Hits], draws: int = DRAWS) -> Resampled:
    """Draw new images of these classes: a bootstrap within each class, of both methods on the same images.

    The difference is that of T1, u or s, or, where ``parts`` are u and s, of H; each the mean over the seeds of a
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
    """Draw new classes: the interval by a bootstrap of classes, p by exchanging the methods class by class.

    Under the hypothesis that the two do alike on every class, their accuracies on a class may be exchanged. p is the
    share of exchanges whose difference is as large as the one found; all exchanges are counted of up to `COUNTED`
    classes, else ``draws`` of them, and one is added to counts and draws. Accuracies of a class are means over seeds
    there, and H is that of their means. Sources: Efron and Tibshirani 1993, § 13 and § 15; Fisher 1935, § 21.
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
    return Resampled(interval.difference, interval.low, interval.high, _exchanged(parts, draws, generator))


def _by_class(
    hits: Hits, draws: int, generator: np.random.Generator
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Means over classes of resampled and of actual accuracies in percent, a row a draw, a column a seed.

    Images of a class that the same seeds get right are alike: their number in a resample is multinomial.
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


def _exchanged(parts: Mapping[str, Accuracies], draws: int, generator: np.random.Generator) -> float:
    """The two-sided p of exchanging the two methods class by class."""
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
    """The size of the difference after these exchanges, 1 for a class whose two accuracies are exchanged."""
    pairs, start = [], 0
    for a, b in means:
        moved = swaps[:, start : start + len(a)] @ (b - a) / len(a)
        pairs.append(((a.mean() + moved)[:, None], (b.mean() - moved)[:, None]))
        start += len(a)
    return np.asarray(np.round(np.abs(_difference(pairs)), DIGITS))


def _chunks(draws: int, classes: int) -> list[int]:
    """Numbers of draws that add up to ``draws``, so that none of them with so many classes fills the memory."""
    most = max(1, CELLS // classes)
    return [min(most, draws - start) for start in range(0, draws, most)]


def _difference(parts: Sequence[tuple[Array, Array]]) -> Float64[Array, " draws"]:
    """a - b of the metric that these parts make: one of them by itself, u and s as their harmonic mean."""
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
