"""Chance: accuracies that guesses, or random assignments of descriptions to classes, reach as well."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array

from zsl.evaluation.scored_images import ScoredImages

CONFIDENCE = 0.95
COUNTED = 6
"""classes up to which all assignments are counted, 6! = 720"""
DRAWN = 2000
"""assignments that are drawn where there are more classes, always the same ones"""
NORMAL = 1.959963984540054
"""97.5 % quantile of the standard normal distribution"""


def chance(zsl: ScoredImages, gzsl: ScoredImages) -> dict[str, dict[str, float]]:
    """Return level and upper limit of chance for T1, u and s, in percent; a metric without images is absent.

    ``level`` is the expected accuracy of a guess among all K candidates, 100 / K. ``high`` is the upper end of the
    95 % interval of chance: an accuracy up to it is no evidence that the descriptions helped. It is the largest of the
    level, of what guesses reach on so few images, and of what the same answers reach when the descriptions of the
    classes in question are assigned to them at random (see `assigned`).
    """
    found = {}
    answers = {"T1": zsl, "u": gzsl, "s": gzsl}
    for name, images in answers.items():
        asked = np.flatnonzero(images.seen if name == "s" else ~images.seen)
        shares, counts = _confusion(images, asked)
        if len(counts):
            level = 100 / len(images.seen)
            high = max(level, guessed(level, counts), assigned(shares))
            found[name] = {"level": level, "high": high}
    return found


def guessed(level: float, counts: Int64[Array, " classes"]) -> float:
    """Return the upper end of the 95 % interval of the per-class accuracy of guesses, in percent.

    Normal approximation, with p = level / 100 and n_c images of class c: p + 1.96 √(Σ_c p (1 - p) / n_c) / C.
    """
    p = level / 100
    error = math.sqrt(float((p * (1 - p) / counts).sum())) / len(counts)
    return min(100.0, 100 * (p + NORMAL * error))


def assigned(shares: Float64[Array, "classes candidates"]) -> float:
    """Return the 97.5 % quantile of the per-class accuracy under random assignments π of descriptions, in percent.

        accuracy(π) = 1/C Σ_c shares[c, π(c)],   shares[c, j] = % of the images of class c that are taken for class j

    It accounts for the images of a class being taken for the same class together, which images one by one do not. Up
    to `COUNTED` candidates all assignments are counted, else `DRAWN` of them. Of up to four candidates one assignment
    is more than 2.5 % of all: there the limit is the second best.
    """
    rows, candidates = shares.shape
    if candidates <= COUNTED:
        orders = np.array(list(permutations(range(candidates), rows)))
    else:
        generator = np.random.default_rng(0)
        orders = generator.permuted(np.tile(np.arange(candidates), (DRAWN, 1)), axis=1)[:, :rows]
    reached = np.sort(shares[np.arange(rows), orders].mean(axis=1))
    place = min(math.ceil((1 + CONFIDENCE) / 2 * len(reached)), len(reached) - 1)
    return float(reached[max(place, 1) - 1])


def _confusion(
    images: ScoredImages, asked: Int64[Array, " candidates"]
) -> tuple[Float64[Array, "classes candidates"], Int64[Array, " classes"]]:
    """Return, for every class asked for that has images, percentages by class asked for, and numbers of images."""
    columns = len(images.seen)
    pairs = images.labels * columns + images.scores.argmax(axis=1)
    table = np.bincount(pairs, minlength=columns**2).reshape(columns, columns)
    counts = table.sum(axis=1)[asked]
    present = counts > 0
    return 100 * table[asked][:, asked][present] / counts[present, None], counts[present]
