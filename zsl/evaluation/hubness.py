"""Hubness: a few classes are nearest to very many images, other classes to none.

``N_k`` counts how often a class is among the k best of an image (see
:meth:`~zsl.evaluation.statistics.ScoreStatistics.occurrences`); the functions describe such counts.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Num
from numpy import ndarray as Array

from zsl.errors import InputError

HUB = 2.0
"""times the mean occurrence above which a class is a hub"""


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
        raise InputError(f"{name}: counts must be finite and at least 0; give numbers of images")
    return counts
