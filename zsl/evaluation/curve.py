"""The seen-unseen curve of calibrated stacking, with exact breakpoints: AUSUC, H as a function of γ, the best γ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.gzsl import harmonic_mean, require_both

if TYPE_CHECKING:
    from zsl.evaluation.statistics import ScoreStatistics


class OperatingPoint(NamedTuple):
    """A bias γ, in units of the scores, and the accuracies it leads to, in percent."""

    gamma: float
    u: float
    s: float
    H: float


@dataclass(frozen=True)
class SeenUnseenCurve:
    """(u(γ), s(γ)) for every γ at once, in percent, from γ = −∞ (all seen) to γ = +∞ (all unseen) [Chao2016].

    u and s are step functions of γ. They jump at ``breakpoints``, which ascend strictly; ``u[j]`` and ``s[j]`` hold
    between breakpoints j−1 and j. At a breakpoint itself two classes tie, and the answer rests on the order of the
    columns; no point of the curve stands for that.
    """

    breakpoints: Float64[Array, " m"]
    u: Float64[Array, " m+1"]
    s: Float64[Array, " m+1"]

    @property
    def H(self) -> Float64[Array, " m+1"]:
        """H = 2us / (u + s) of every point of the curve, in percent."""
        return harmonic_mean(self.u, self.s)

    @property
    def AUSUC(self) -> float:
        """∫ s du by the trapezoid rule, both as fractions: in [0, 1] [Chao2016]."""
        return min(1.0, float(np.trapezoid(self.s, self.u)) / 1e4)

    def at(self, gamma: Float64[Array, " g"] | float) -> tuple[Array, Array, Array]:
        """Return u, s and H at the biases ``gamma``, to plot; at a breakpoint, the values just above it.

        Raises:
            InputError: a bias is NaN.
        """
        if np.isnan(gamma).any():
            raise InputError("seen-unseen curve: γ is NaN; give numbers")
        j = np.searchsorted(self.breakpoints, gamma, side="right")
        return self.u[j], self.s[j], self.H[j]

    def best(self) -> OperatingPoint:
        """Return the point of the highest H, at the middle of the interval of γ on which H is highest.

        Of several such intervals the widest is taken. Below all breakpoints u = 0 and above all s = 0, so the best
        interval is bounded unless H = 0 everywhere; then nothing is gained by a bias, and γ = 0.
        """
        H = self.H
        if H.max() == 0:
            u, s, _ = self.at(0.0)
            return OperatingPoint(0.0, float(u), float(s), 0.0)
        best_but_rounding = H.max() * (1 - 1e-12)
        equal_best = np.flatnonzero(best_but_rounding <= H)
        left, right = self.breakpoints[equal_best - 1], self.breakpoints[equal_best]
        widest = np.argmax(right - left)
        j = equal_best[widest]
        return OperatingPoint(float((left + right)[widest] / 2), float(self.u[j]), float(self.s[j]), float(H[j]))

    @property
    def gamma(self) -> Float64[Array, " m+1"]:
        """One bias for each point: the middle of its interval, and the outermost breakpoints for the ends."""
        b = self.breakpoints
        return np.concatenate([b[:1], b[1:] / 2 + b[:-1] / 2, b[-1:]]) if len(b) else np.zeros(1)

    def corners(self) -> tuple[Float64[Array, " c"], Float64[Array, " c"], Float64[Array, " c"]]:
        """Return u, s and γ of the points to be saved or plotted: a subset with the same polyline, ends included.

        Of horizontal and vertical runs, only those inner points are kept at which u or s reaches another whole percent:
        between neighbours neither drifts by a point. AUSUC and the best H do not change.
        """
        flat, steep = np.diff(self.s) == 0, np.diff(self.u) == 0
        straight = (flat[1:] & flat[:-1]) | (steep[1:] & steep[:-1])
        percent = np.diff(np.floor(self.u)) + np.diff(np.floor(self.s)) != 0
        keep = np.concatenate([[True], ~straight | percent[:-1], [True]])[: len(self.u)]
        return self.u[keep], self.s[keep], self.gamma[keep]


def seen_unseen_curve(images: ScoreStatistics, *, per_class: bool = True) -> SeenUnseenCurve:
    """Return the exact curve of GZSL scores, in O(n log n) after their statistics were gathered.

    Image i is answered by its best seen class while γ < m_i (its margin), by its best unseen class while γ > m_i.
    If the best class of its own group is the true one, it is right on one side of m_i and adds w_i there:

        u(γ) = Σ_{i unseen, right} w_i [m_i < γ],    s(γ) = Σ_{i seen, right} w_i [m_i > γ]

    with w_i = 1 / (n_c · C) per class (class c of image i has n_c images, its group C classes with images), or
    1 / (images of the group) per sample. Other images change no accuracy and leave no breakpoint.

    Raises:
        InputError: seen or unseen images, or classes, are missing.
    """
    margin, of_seen = images.margin, images.of_seen_class
    require_both(of_seen)

    right = np.where(of_seen, images.best_seen, images.best_unseen) == images.labels
    breakpoints, jump = np.unique(margin[right], return_inverse=True)
    weight, of_seen = _weights(images, per_class)[right], of_seen[right]
    gain, loss = (
        np.bincount(jump[group], weights=weight[group], minlength=len(breakpoints)) for group in (~of_seen, of_seen)
    )
    u = np.concatenate([[0.0], np.cumsum(gain)])
    s = np.concatenate([np.cumsum(loss[::-1])[::-1], [0.0]])
    return SeenUnseenCurve(breakpoints, *(100 * np.minimum(accuracy, 1.0) for accuracy in (u, s)))


def best_gamma(images: ScoreStatistics) -> float:
    """Return the γ of calibrated stacking that maximises H per class on these images, exactly [Chao2016].

    The scores must come from VALIDATION images, which no part of the test set is: classes held out from training stand
    in for the unseen ones, held-out images of training classes for the seen ones. Chosen on test scores, the same γ
    is an oracle and its H is to be reported as H† (:func:`~zsl.evaluation.evaluate.oracle`).

    Raises:
        InputError: seen or unseen images, or classes, are missing.
    """
    return seen_unseen_curve(images).best().gamma


def _weights(images: ScoreStatistics, per_class: bool) -> Float64[Array, " n"]:
    """Return the weight of every image in the accuracy of its group; the weights of each group sum to 1."""
    of_seen = images.of_seen_class
    if not per_class:
        return 1.0 / np.where(of_seen, np.count_nonzero(of_seen), np.count_nonzero(~of_seen))
    n_c = np.bincount(images.labels, minlength=len(images.seen))
    present = n_c > 0
    C_seen, C_unseen = np.count_nonzero(present & images.seen), np.count_nonzero(present & ~images.seen)
    return np.asarray(1.0 / (n_c[images.labels] * np.where(of_seen, C_seen, C_unseen)))
