"""Confidence in answers: how well probabilities fit outcomes, and what it costs to answer at all."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from zsl.errors import InputError


@dataclass(frozen=True)
class Probabilities:
    """What metrics need to know of p = softmax(F(x, ·)) for every image."""

    confidence: Float64[Array, " n"]
    """max_y p_y"""
    nll: Float64[Array, " n"]
    """−log p_y of the true class y"""
    brier: Float64[Array, " n"]
    """Σ_y' (p_y' − [y' = y])², in [0, 2] [Brier1950]"""

    def images(self, of: Bool[Array, " n"]) -> Probabilities:
        """Return those of the images in a mask."""
        return Probabilities(*(getattr(self, field.name)[of] for field in fields(self)))

    def metrics(self, suffix: str, right: Bool[Array, " n"]) -> dict[str, float]:
        """Return ``ECE``, ``NLL``, ``Brier`` and ``AURC`` with a suffix, means over images; nothing without images.

        Args:
            suffix: added to every name, such as ``_u``.
            right: whether the answer is right.
        """
        n = len(right)
        if not n:
            return {}
        found = {
            "ECE": ece(self.confidence, right),
            "NLL": float((self.nll / n).sum()),
            "Brier": float(self.brier.mean()),
            "AURC": aurc(self.confidence, right),
        }
        return {f"{name}{suffix}": value for name, value in found.items()}


def ece(confidence: Float64[Array, " n"], right: Bool[Array, " n"], bins: int = 15) -> float:
    """Return the expected calibration error Σ_b (n_b / n) |accuracy_b − confidence_b| in [0, 1] [Naeini2015, Guo2017].

    Bin b holds the images whose confidence is in ((b−1)/bins, b/bins]. Every image counts the same.

    Args:
        confidence: of the answer for every image, the largest entry of the softmax.
        right: whether the answer is right.
        bins: number of bins.

    Raises:
        InputError: bins < 1.
    """
    if bins < 1:
        raise InputError(f"ECE: {bins} bins; give at least 1")
    b = np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")
    return float(np.abs(np.bincount(b, weights=right - confidence, minlength=bins)).sum() / len(confidence))


def risks(confidence: Float64[Array, " n"], right: Bool[Array, " n"]) -> Float64[Array, " n"]:
    """Return the share of wrong answers among the i most confident ones, for i = 1 … n [ElYaniv2010].

    Images of equal confidence come in random order: the share is its expectation over their orders.
    """
    _, group, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    wrong = np.repeat(np.bincount(group, weights=~right) / counts, counts)
    return np.asarray(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))


def aurc(confidence: Float64[Array, " n"], right: Bool[Array, " n"]) -> float:
    """Return the area under the risk–coverage curve in [0, 1], the mean of :func:`risks` [Geifman2017]."""
    return float(risks(confidence, right).mean())


def threshold(confidence: Float64[Array, " n"], right: Bool[Array, " n"], risk: float) -> float:
    """Return the least confidence to answer at, so that at most a share ``risk`` of the answers is wrong.

    The images must be VALIDATION images. Of all confidences that occur it is the least one with such a risk; where
    there is none, it is infinite and every image is refused.

    Raises:
        InputError: there is no image, or the risk is not in [0, 1].
    """
    if not len(confidence) or not 0 <= risk <= 1:
        raise InputError(f"threshold: risk = {risk} on {len(confidence)} images; give a risk in [0, 1] and some images")
    values, group, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    answered = np.cumsum(counts)
    wrong = np.cumsum(np.bincount(group, weights=~right))
    allowed = np.flatnonzero(wrong <= risk * answered)
    return float(-values[allowed[-1]]) if len(allowed) else np.inf
