"""Calibration of scores by a bias and a temperature."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array
from scipy.special import expit

from zsl.errors import InputError
from zsl.evaluation.confidence import CACHED
from zsl.evaluation.scored_images import ScoreStream, checked_gamma
from zsl.evaluation.statistics import ScoreStatistics

COLDEST, HOTTEST = 1e-6, 1e4
"""temperatures between which the best one is sought, in units of the mean range of a row"""
Derivatives = Callable[[float], Float64[Array, " 4"]]
"""β -> the first four derivatives of the negative log-likelihood by β = 1/T"""
Logits = Iterable[tuple[Float64[Array, "rows c"], Float64[Array, " rows"]]]
"""blocks of F(x, y) - max F(x, ·), or with sigmoids of F(x, y), and of the entry of the true class"""


@dataclass(frozen=True)
class Calibration:
    """Bias γ of calibrated stacking and temperature T, chosen on validation scores.

    Scores become (F(x, y) − γ [y seen]) / T.

    Raises:
        InputError: γ is not finite, or T not positive and finite.
    """

    gamma: float
    temperature: float = 1.0

    def __post_init__(self) -> None:
        checked_gamma(self.gamma)
        if not (0 < self.temperature < math.inf):
            raise InputError(f"calibration: temperature = {self.temperature}; it must be positive and finite")


def best_temperature(images: ScoreStatistics, stream: ScoreStream, gamma: float = 0.0) -> float:
    """Return the T > 0 that maximises the likelihood of the labels, in units of the scores [Guo2017].

        NLL(T) = −1/n Σ_i log softmax((F(x_i, ·) − γ [· seen]) / T)[y_i]

    or, where probabilities are sigmoids, the one of all classes as separate outcomes (:class:`.Probabilities`).
    The scores must come from VALIDATION images. NLL is convex in β = 1/T, so there is one minimum; it is sought for T
    between 1e-6 and 1e4 times the mean range (max − min) of a row, or with sigmoids the mean of its largest |F|. Where
    every answer is right, or the scores are worse than none, the infimum lies at T → 0 or T → ∞, and a finite T that
    comes close to it is returned; where each row is constant, or with sigmoids 0, T changes nothing and is 1.

    The minimum of the sample is found first. Where that is not all images, the scores are read again, two passes as a
    rule: each gives four derivatives, whose Taylor polynomial leaves the fourth power of the relative error of T.

    Args:
        images: statistics of the scores, with a sample.
        stream: the scores, read only where the sample does not hold all of them.
        gamma: bias γ.

    Raises:
        InputError: γ is not finite.
    """
    assert images.sample is not None
    assert images.sampled is not None
    bias = checked_gamma(gamma) * images.seen
    labels, sample = images.labels[images.sampled], images.sample.numpy()
    step = max(1, CACHED // sample.shape[1])
    sigmoid = stream.sigmoid
    parts = [(sample[i : i + step], labels[i : i + step]) for i in range(0, len(sample), step)]
    ranges = [np.abs(x).max(axis=1) for x, _ in _logits(parts, bias, sigmoid)]
    scale = float(np.mean(np.concatenate(ranges)))
    if scale == 0:
        return 1.0
    kept = [(x / scale, own / scale) for x, own in _logits(parts, bias, sigmoid)]
    of_sample = _of_sigmoids if sigmoid else _derivatives
    beta = _minimum(lambda beta: of_sample(kept, beta), 10.0)
    if not images.complete:

        def of_all(beta: float) -> Float64[Array, " 4"]:
            return of_sample(((x / scale, own / scale) for x, own in _all_logits(stream, bias)), beta)

        beta = _minimum(of_all, beta)
    return scale / beta


def _minimum(derivatives: Derivatives, beta: float) -> float:
    """Return the β at which the first derivative is 0, or one within 1 % of the bound that is closest to it.

    Every sign narrows the bracket; where the Taylor polynomial leads out of it or far away, β moves by a factor of 4.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST
    while low * 1.01 < beta < high / 1.01:
        g = derivatives(beta)
        low, high = (beta, high) if g[0] < 0 else (low, beta)
        following = beta + _taylor_root(g)
        if low < following < high and abs(following / beta - 1) < 0.5:
            if abs(following / beta - 1) < 1e-4:
                return following
            beta = following
        else:
            beta = min(4 * low, math.sqrt(low * high)) if g[0] < 0 else max(high / 4, math.sqrt(low * high))
    return beta


def _taylor_root(g: Float64[Array, " 4"]) -> float:
    """Return the root nearest to 0 of g₀ + g₁δ + g₂δ²/2 + g₃δ³/6, by Newton's method; not finite where it runs away."""
    g0, g1, g2, g3 = map(float, g)
    delta = 0.0
    for _ in range(8):
        slope = g1 + delta * (g2 + delta * g3 / 2)
        if not slope > 0:
            return math.nan
        delta -= (g0 + delta * (g1 + delta * (g2 / 2 + delta * g3 / 6))) / slope
    return delta


def _derivatives(blocks: Logits, beta: float) -> Float64[Array, " 4"]:
    """Return the derivatives of the mean NLL by β: E[x] − own, and the cumulants κ₂, κ₃, κ₄ of x ~ softmax(βx)."""
    total, n = np.zeros(4), 0
    for x, own in blocks:
        p = np.exp(beta * x)
        p /= p.sum(axis=1, keepdims=True)
        m1 = (p * x).sum(axis=1)
        centred = x - m1[:, None]
        power = p * centred**2
        k2 = power.sum(axis=1)
        k3 = (power * centred).sum(axis=1)
        k4 = (power * centred**2).sum(axis=1) - 3 * k2**2
        total += [(m1 - own).sum(), k2.sum(), k3.sum(), k4.sum()]
        n += len(x)
    return total / n


def _of_sigmoids(blocks: Logits, beta: float) -> Float64[Array, " 4"]:
    """Return the derivatives by β of the mean of Σ_y softplus(βx_y) − βx of the true class."""
    total, n = np.zeros(4), 0
    for x, own in blocks:
        p = expit(beta * x)
        slope = p * (1 - p)
        by_order = (p, slope, slope * (1 - 2 * p), slope * (1 - 6 * slope))
        total += [np.einsum("ij,ij->", x**order, part) for order, part in enumerate(by_order, 1)]
        total[0] -= own.sum()
        n += len(x)
    return total / n


def _logits(
    parts: Iterable[tuple[Array, Int64[Array, " rows"]]], bias: Float64[Array, " c"], sigmoid: bool
) -> Iterator[tuple[Array, Array]]:
    for scores, labels in parts:
        x = scores.astype(np.float64) - bias
        if not sigmoid:
            x -= x.max(axis=1, keepdims=True)
        yield x, np.take_along_axis(x, labels[:, None], axis=1)[:, 0]


def _all_logits(scores: ScoreStream, bias: Float64[Array, " c"]) -> Iterator[tuple[Array, Array]]:
    stop = 0
    for block in scores.blocks():
        start, stop = stop, stop + len(block)
        matrix, step = block.numpy(force=True), max(1, CACHED // block.shape[1])
        labels = scores.labels[start:stop]
        cut = ((matrix[i : i + step], labels[i : i + step]) for i in range(0, len(matrix), step))
        yield from _logits(cut, bias, scores.sigmoid)
