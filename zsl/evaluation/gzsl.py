"""Generalized zero-shot learning: u, s, H, calibrated stacking, and separation of seen and unseen images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.accuracy import mean_class_accuracy, sample_accuracy
from zsl.evaluation.scored_images import checked_gamma, checked_scores, checked_seen

if TYPE_CHECKING:
    from zsl.evaluation.statistics import ScoreStatistics


def harmonic_mean(u: Float64[Array, "*shape"] | float, s: Float64[Array, "*shape"] | float) -> Float64[Array, "*shape"]:
    """Return H = 2us / (u + s), elementwise, and 0 where u + s = 0 [Xian2018].

    Raises:
        InputError: an accuracy is negative, NaN or infinite.
    """
    for name, value in (("u", u), ("s", s)):
        if not np.all((np.asarray(value) >= 0) & np.isfinite(value)):
            raise InputError(f"harmonic mean: {name} must be finite and at least 0; give accuracies")
    total = np.asarray(u + s, dtype=np.float64)
    H: Array = np.divide(2 * np.multiply(u, s), total, out=np.zeros_like(total), where=total > 0)
    return H


def u_s_H(images: ScoreStatistics, gamma: float = 0.0, *, per_class: bool = True) -> dict[str, float]:
    """Return accuracy u on images of unseen classes, s on images of seen classes, among all classes, and H, in percent.

    The answer is argmax over y of F(x, y) − γ [y seen]. ``per_class`` averages over the classes that have images,
    otherwise over images. A group without images has no accuracy: its key, and H, are then absent.
    """
    return _u_s_H(images, images.answers(gamma) == images.labels, per_class=per_class)


def split_u_s_H(images: ScoreStatistics) -> dict[str, float]:
    """Return u among the unseen classes alone, s among the seen classes alone, and their H, in percent.

    These are the new and base accuracy of the base-to-new protocol. No image can be taken for one of the other group,
    so that u and s are at least those of :func:`u_s_H` at every γ. Keys are absent as there.
    """
    within = np.where(images.of_seen_class, images.best_seen, images.best_unseen)
    return _u_s_H(images, within == images.labels)


def _u_s_H(images: ScoreStatistics, hit: Bool[Array, " n"], *, per_class: bool = True) -> dict[str, float]:
    metrics = {}
    for name, group in (("u", ~images.of_seen_class), ("s", images.of_seen_class)):
        if group.any():
            right = hit[group]
            metrics[name] = mean_class_accuracy(right, images.labels[group]) if per_class else sample_accuracy(right)
    if len(metrics) == 2:
        metrics["H"] = float(harmonic_mean(metrics["u"], metrics["s"]))
    return metrics


def stacked(
    scores: Float64[Array, "n classes"], seen: Bool[Array, " classes"], gamma: float
) -> Float64[Array, "n classes"]:
    """Return F(x, y) − γ [y seen], calibrated stacking with γ in units of the scores [Chao2016].

    Raises:
        InputError: γ or a score is not finite, or the seen mask is not one boolean per column.
    """
    scores = checked_scores(scores)
    return np.asarray(scores - checked_gamma(gamma) * checked_seen(seen, scores.shape[-1]), dtype=np.float64)


def seen_unseen_auroc(images: ScoreStatistics) -> float:
    """Return P(m > m') + ½ P(m = m') for the margins m of a seen and m' of an unseen image, in [0, 1].

    1 where some γ sends every image to its own group; ½ where the margin says nothing.

    Raises:
        InputError: seen or unseen images, or classes, are missing.
    """
    margin, of_seen = images.margin, images.of_seen_class
    require_both(of_seen)
    unseen = np.sort(margin[~of_seen])
    below, not_above = (np.searchsorted(unseen, margin[of_seen], side=side) for side in ("left", "right"))
    return float(np.mean(below + not_above) / (2 * len(unseen)))


def require_both(of_seen: Bool[Array, " n"]) -> None:
    """Refuse images that are all of seen or all of unseen classes.

    Raises:
        InputError: one kind is missing.
    """
    if of_seen.all() or not of_seen.any():
        raise InputError(
            f"images: all {len(of_seen)} are of {'seen' if of_seen.all() else 'unseen'} classes; "
            "seen against unseen needs images of both kinds"
        )
