"""Hubness: a few classes are nearest to very many images, other classes to none.

``N_k`` counts how often a class is among the k best of an image; all else here is said about such counts.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64, Num, Shaped
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.scored_images import checked, checked_scores

HUB = 2.0
"""times the mean occurrence above which a class is a hub"""


def k_occurrence(scores: Num[Array, "n classes"], k: int) -> Int64[Array, " classes"]:
    """Return N_k(y), the number of images with class y among the k highest scores [Radovanovic2010].

    Among equal scores the lowest column comes first. Σ_y N_k(y) = n k. The scores are used in their own precision,
    and counts of parts of the images add up: a matrix that does not fit in memory can be given in chunks of rows.

    Raises:
        InputError: k is not between 1 and the number of classes, or the scores are not a finite real matrix.
    """
    return np.asarray(np.count_nonzero(_among_best(checked_scores(scores), k), axis=0))


def bad_k_occurrence(scores: Num[Array, "n classes"], labels: Shaped[Array, " n"], k: int) -> Int64[Array, " classes"]:
    """Return BN_k(y), the number of images of *other* classes with y among the k highest scores [Radovanovic2010].

    Raises:
        InputError: as for :func:`k_occurrence`, or a label is not a column.
    """
    return occurrences(scores, labels, k)[1]


def occurrences(
    scores: Num[Array, "n classes"], labels: Shaped[Array, " n"], k: int
) -> tuple[Int64[Array, " classes"], Int64[Array, " classes"]]:
    """Return N_k and BN_k, from one partition of the scores.

    Raises:
        InputError: as for :func:`bad_k_occurrence`.
    """
    scores, labels = checked(scores, labels)
    among = _among_best(scores, k)
    N = np.asarray(np.count_nonzero(among, axis=0))
    right = labels[among[np.arange(len(labels)), labels]]
    return N, N - np.bincount(right, minlength=len(N))


def _among_best(scores: Num[Array, "n classes"], k: int) -> Bool[Array, "n classes"]:
    classes = scores.shape[1]
    if not 1 <= k <= classes:
        raise InputError(f"k-occurrence: k = {k} with {classes} classes; give 1 ≤ k ≤ {classes}")
    kth = np.partition(scores, classes - k, axis=1)[:, [classes - k]]
    among = scores >= kth
    crowded = np.flatnonzero(np.count_nonzero(among, axis=1) > k)
    above, tied = scores[crowded] > kth[crowded], scores[crowded] == kth[crowded]
    places = k - np.count_nonzero(above, axis=1, keepdims=True)
    among[crowded] = above | (tied & (np.cumsum(tied, axis=1) <= places))
    return np.asarray(among)


def skewness(occurrence: Num[Array, " classes"]) -> float:
    """Return E[(N_k − μ)³] / σ³ over the classes: 0 without hubs, large with few strong ones [Radovanovic2010].

    μ and σ are the mean and the standard deviation (divided by the number of classes). Where N_k is constant, as with
    one class or k = classes, the skewness is 0.

    Raises:
        InputError: there is no class, or a count is negative, NaN or infinite.
    """
    if np.ptp(_counts("skewness", occurrence)) == 0:
        return 0.0
    deviation = np.asarray(occurrence, dtype=np.float64) - np.mean(occurrence)
    return float(np.mean(deviation**3) / np.mean(deviation**2) ** 1.5)


def robin_hood(occurrence: Num[Array, " classes"]) -> float:
    """Return ½ Σ_y |N_k(y) - μ| / Σ_y N_k(y) in [0, 1), the Robin Hood index [Feldbauer2018].

    The share of all counts that would have to move between classes for all counts to be equal.

    Raises:
        InputError: there is no class, or a count is negative, NaN or infinite.
    """
    total = float(np.sum(_counts("Robin Hood index", occurrence)))
    deviation = np.abs(occurrence - total / np.size(occurrence))
    return float(deviation.sum() / (2 * total)) if total else 0.0


def hubs(occurrence: Num[Array, " classes"]) -> Bool[Array, " classes"]:
    """Return which classes are hubs: N_k(y) > 2μ, twice the mean μ = n k / classes [Feldbauer2020].

    Raises:
        InputError: there is no class, or a count is negative, NaN or infinite.
    """
    return np.asarray(_counts("hubs", occurrence) > HUB * np.mean(occurrence))


def bad_hubs(occurrence: Num[Array, " classes"], bad_occurrence: Num[Array, " classes"]) -> Bool[Array, " classes"]:
    """Return which hubs are wrong more often than right: N_k(y) > 2μ and BN_k(y) > N_k(y) / 2.

    Raises:
        InputError: there is no class, or a count is negative, NaN or infinite.
    """
    bad = _counts("bad hubs", bad_occurrence)
    return np.asarray(hubs(occurrence) & (2 * bad > occurrence))


def antihubs(occurrence: Num[Array, " classes"]) -> Bool[Array, " classes"]:
    """Return which classes are antihubs, among the k best of no image: N_k(y) = 0 [Radovanovic2010].

    Raises:
        InputError: there is no class, or a count is negative, NaN or infinite.
    """
    return np.asarray(_counts("antihubs", occurrence) == 0)


def _counts(name: str, occurrence: Num[Array, " classes"]) -> Num[Array, " classes"]:
    if np.size(occurrence) == 0:
        raise InputError(f"{name}: no classes; give at least one count")
    counts = np.asarray(occurrence)
    if not np.all((counts >= 0) & np.isfinite(counts)):
        raise InputError(f"{name}: counts must be finite and at least 0; give what k_occurrence returns")
    return counts
