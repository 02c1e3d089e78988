"""Confidence: softmax with a temperature, its likelihood, and its expected calibration error."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Int64, Num, Shaped
from numpy import ndarray as Array
from scipy.optimize import minimize_scalar

from zsl.errors import InputError
from zsl.evaluation.scored_images import checked


def nll(scores: Num[Array, "n classes"], labels: Shaped[Array, " n"], temperature: float = 1.0) -> float:
    """Return the mean negative log-likelihood −1/n Σ_i log softmax(F(x_i, ·) / T)[y_i], in nats.

    Raises:
        InputError: T is not positive and finite, or see :class:`~zsl.evaluation.scored_images.ScoredImages`.
    """
    scores, labels = checked(scores, labels)
    return _nll(_below_best(scores), labels, checked_temperature(temperature))


def best_temperature(scores: Num[Array, "n classes"], labels: Shaped[Array, " n"]) -> float:
    """Return the T > 0 that minimises :func:`nll` on these scores, in their units [Guo2017].

    The scores must come from VALIDATION images. NLL is convex in 1/T, so there is one minimum; it is sought for T
    between 1e-6 and 1e4 times the mean range (max − min) of a row. Where every answer is right, or the scores are worse
    than none, the infimum lies at T → 0 or T → ∞, and a finite T that comes close to it is returned; where each row
    is constant, T changes nothing and is 1.

    Raises:
        InputError: see :class:`~zsl.evaluation.scored_images.ScoredImages`.
    """
    scores, labels = checked(scores, labels)
    below = _below_best(scores)
    scale = float(-below.min(axis=1).mean())
    if scale == 0:
        return 1.0
    below /= scale
    found = minimize_scalar(
        lambda log_t: _nll(below, labels, math.exp(log_t)),
        bounds=(math.log(1e-6), math.log(1e4)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return scale * math.exp(found.x)


def ece(
    scores: Num[Array, "n classes"], labels: Shaped[Array, " n"], temperature: float = 1.0, bins: int = 15
) -> float:
    """Return the expected calibration error Σ_b (n_b / n) |accuracy_b − confidence_b| in [0, 1] [Naeini2015, Guo2017].

    Confidence is the largest entry of softmax(F(x, ·) / T), the answer its (first) argmax, and bin b holds the images
    whose confidence is in ((b−1)/bins, b/bins]. Every image counts the same.

    Raises:
        InputError: T is not positive and finite, bins < 1, or see
            :class:`~zsl.evaluation.scored_images.ScoredImages`.
    """
    if bins < 1:
        raise InputError(f"ECE: {bins} bins; give at least 1")
    scores, labels = checked(scores, labels)
    confidence = 1 / _partition(_below_best(scores), checked_temperature(temperature))
    right = scores.argmax(axis=1) == labels
    b = np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")
    return float(np.abs(np.bincount(b, weights=right - confidence, minlength=bins)).sum() / len(labels))


def checked_temperature(temperature: float) -> float:
    """Return the temperature after checking it.

    Raises:
        InputError: the temperature is not positive and finite.
    """
    if not (0 < temperature < math.inf):
        raise InputError(f"temperature: {temperature}; it must be positive and finite")
    return temperature


def _below_best(scores: Float64[Array, "n classes"]) -> Float64[Array, "n classes"]:
    """Return F(x, y) − max over y of F(x, y), whose exponential does not overflow."""
    return np.asarray(scores - scores.max(axis=1, keepdims=True))


def _partition(below: Float64[Array, "n classes"], temperature: float) -> Float64[Array, " n"]:
    """Return Z_i = Σ_y exp((F(x_i, y) − max F(x_i, ·)) / T), in [1, classes]."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(below / temperature).sum(axis=1))


def _nll(below: Float64[Array, "n classes"], labels: Int64[Array, " n"], temperature: float) -> float:
    own = np.take_along_axis(below, labels[:, None], axis=1)[:, 0]
    with np.errstate(over="ignore"):
        return float(np.mean(np.log(_partition(below, temperature)) - own / temperature))
