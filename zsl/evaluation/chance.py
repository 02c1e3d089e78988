"""Chance: accuracies that guesses, or random assignments of descriptions to classes, reach as well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array

from zsl.evaluation.statistics import ScoreStatistics

CONFIDENCE = 0.95
COUNTED = 6
"""classes up to which all assignments are counted, 6! = 720"""
DRAWN = 2000
"""assignments that are drawn where there are more classes, always the same ones"""
MANY, LEAST = 1000, 100
"""candidates from which on fewer assignments are drawn, down to the least"""
NORMAL = 1.959963984540054
"""97.5 % quantile of the standard normal distribution"""


def chance(zsl: ScoreStatistics, gzsl: ScoreStatistics) -> dict[str, dict[str, float]]:
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
        confusion = _confusion(images, asked)
        if len(confusion.counts):
            level = 100 / len(images.seen)
            high = max(level, guessed(level, confusion.counts), assigned(confusion))
            found[name] = {"level": level, "high": high}
    return found


@dataclass(frozen=True)
class ConfusionMatrix:
    """How many images of each of C classes are taken for each of K candidates; pairs without images are left out."""

    counts: Int64[Array, " C"]
    """images of a class"""
    candidates: int
    pairs: Int64[Array, " m"]
    """class · K + candidate, ascending"""
    share: Float64[Array, " m"]
    """percentage of the images of the class"""

    def shares(self, assignments: Int64[Array, "draws C"]) -> Float64[Array, "draws C"]:
        """Return the percentage of the images of class c that are taken for candidate ``assignments[·, c]``."""
        if not len(self.pairs):
            return np.zeros(assignments.shape)
        wanted = np.arange(len(self.counts)) * self.candidates + assignments
        place = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
        return np.where(self.pairs[place] == wanted, self.share[place], 0.0)


def guessed(level: float, counts: Int64[Array, " classes"]) -> float:
    """Return the upper end of the 95 % interval of the per-class accuracy of guesses, in percent.

    Normal approximation, with p = level / 100 and n_c images of class c: p + 1.96 √(Σ_c p (1 - p) / n_c) / C.
    """
    p = level / 100
    error = math.sqrt(float((p * (1 - p) / counts).sum())) / len(counts)
    return min(100.0, 100 * (p + NORMAL * error))


def assigned(confusion: ConfusionMatrix) -> float:
    """Return the 97.5 % quantile of the per-class accuracy under random assignments π of descriptions, in percent.

        accuracy(π) = 1/C Σ_c shares[c, π(c)],   shares[c, j] = % of the images of class c that are taken for class j

    It accounts for the images of a class being taken for the same class together, which images one by one do not. Up
    to `COUNTED` candidates all assignments are counted, else `DRAWN` of them, or fewer where there are more than
    `MANY` candidates. Of up to four candidates one assignment is more than 2.5 % of all: there the limit is the second
    best.
    """
    rows, candidates = len(confusion.counts), confusion.candidates
    if candidates <= COUNTED:
        reached = confusion.shares(np.array(list(permutations(range(candidates), rows)))).mean(axis=1)
    else:
        generator, draws = np.random.default_rng(0), min(DRAWN, max(LEAST, DRAWN * MANY // candidates))
        parts = [
            generator.permuted(np.tile(np.arange(candidates), (min(64, draws - i), 1)), axis=1)[:, :rows]
            for i in range(0, draws, 64)
        ]
        reached = np.concatenate([confusion.shares(part).mean(axis=1) for part in parts])
    place = min(math.ceil((1 + CONFIDENCE) / 2 * len(reached)), len(reached) - 1)
    return float(np.sort(reached)[max(place, 1) - 1])


def _confusion(images: ScoreStatistics, asked: Int64[Array, " candidates"]) -> ConfusionMatrix:
    position = np.full(len(images.seen), -1)
    position[asked] = np.arange(len(asked))
    own, taken = position[images.labels], position[images.top[:, 0]]
    counts = np.bincount(own[own >= 0], minlength=len(asked))
    present = np.cumsum(counts > 0) - 1
    inside = (own >= 0) & (taken >= 0)
    pairs, times = np.unique(present[own[inside]] * len(asked) + taken[inside], return_counts=True)
    counts = counts[counts > 0]
    return ConfusionMatrix(counts, len(asked), pairs, 100 * times / counts[pairs // len(asked)])
