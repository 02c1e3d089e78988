"""Hubness: a few classes that are the nearest ones of far too many images."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, Num
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.scored_images import checked_scores


def k_occurrence(scores: Num[Array, "n classes"], k: int) -> Int64[Array, " classes"]:
    """N_k(y): in how many images class y is among the k with the highest scores [Radovanovic2010].

    Among equal scores the lowest column comes first. Σ_y N_k(y) = n k. The scores are used in their own precision,
    and counts of parts of the images add up: a matrix that does not fit in memory can be given in chunks of rows.

    Raises:
        InputError: k is not between 1 and the number of classes, or the scores are not a finite real matrix.
    """
    scores = checked_scores(scores)
    classes = scores.shape[1]
    if not 1 <= k <= classes:
        raise InputError(f"k-occurrence: k = {k} with {classes} classes; give 1 ≤ k ≤ {classes}")
    kth = np.partition(scores, classes - k, axis=1)[:, [classes - k]]
    among = scores >= kth
    crowded = np.flatnonzero(np.count_nonzero(among, axis=1) > k)
    above, tied = scores[crowded] > kth[crowded], scores[crowded] == kth[crowded]
    places = k - np.count_nonzero(above, axis=1, keepdims=True)
    among[crowded] = above | (tied & (np.cumsum(tied, axis=1) <= places))
    return np.asarray(np.count_nonzero(among, axis=0))


def skewness(occurrence: Num[Array, " classes"]) -> float:
    """E[(N_k − μ)³] / σ³ over the classes: 0 without hubs, large with few strong ones [Radovanovic2010].

    μ and σ are the mean and the standard deviation (divided by the number of classes). Where N_k is constant, as with
    one class or k = classes, the skewness is 0.

    Raises:
        InputError: there is no class.
    """
    if np.size(occurrence) == 0:
        raise InputError("skewness: no classes; give at least one count")
    if np.ptp(occurrence) == 0:
        return 0.0
    deviation = np.asarray(occurrence, dtype=np.float64) - np.mean(occurrence)
    return float(np.mean(deviation**3) / np.mean(deviation**2) ** 1.5)
