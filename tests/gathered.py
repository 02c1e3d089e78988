"""Metrics of score matrices, by way of the statistics that are gathered from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray as Array

from zsl.evaluation import calibration, confidence, curve, gzsl
from zsl.evaluation.scored_images import ScoredImages
from zsl.evaluation.statistics import ScoreStatistics, gather


def statistics(
    scores: Array, labels: Array | None = None, seen: Array | None = None, **options: Any
) -> ScoreStatistics:
    """Gather all classes of every row; labels are 0 and no class is seen unless they are given."""
    labels = np.zeros(len(scores), np.int64) if labels is None else labels
    seen = np.zeros(np.shape(scores)[-1], bool) if seen is None else seen
    return gather(ScoredImages(scores, labels, seen), **{"top": np.shape(scores)[-1], **options})


def ranks(scores: Array, labels: Array) -> Array:
    found = statistics(scores, labels)
    return (found.top == found.labels[:, None]).argmax(axis=1)


def hits(scores: Array, labels: Array, k: int = 1) -> Array:
    return statistics(scores, labels).hits(k)


def u_s_H(scores: Array, labels: Array, seen: Array, *, per_class: bool = True) -> dict[str, float]:
    return gzsl.u_s_H(statistics(scores, labels, seen), per_class=per_class)


def margins(scores: Array, seen: Array) -> Array:
    return statistics(scores, seen=seen).margin


def seen_unseen_auroc(scores: Array, labels: Array, seen: Array) -> float:
    return gzsl.seen_unseen_auroc(statistics(scores, labels, seen))


def seen_unseen_curve(scores: Array, labels: Array, seen: Array, *, per_class: bool = True) -> curve.SeenUnseenCurve:
    return curve.seen_unseen_curve(statistics(scores, labels, seen), per_class=per_class)


def best_gamma(scores: Array, labels: Array, seen: Array) -> float:
    return curve.best_gamma(statistics(scores, labels, seen))


def ece(scores: Array, labels: Array, temperature: float = 1.0, bins: int = 15) -> float:
    found = statistics(scores, labels, temperature=temperature)
    assert found.calibrated is not None
    return confidence.ece(found.calibrated.confidence, found.hits(), bins)


def nll(scores: Array, labels: Array, temperature: float = 1.0) -> float:
    """−1/n Σ_i log softmax(F(x_i, ·) / T)[y_i], of the whole matrix."""
    below = scores - scores.max(axis=1, keepdims=True)
    own = np.take_along_axis(below, labels[:, None], axis=1)[:, 0]
    with np.errstate(over="ignore"):
        return float(np.mean(np.log(np.exp(below / temperature).sum(axis=1)) - own / temperature))


def best_temperature(scores: Array, labels: Array, sigmoid: bool = False) -> float:
    images = ScoredImages(scores, labels, np.zeros(np.shape(scores)[-1], bool), sigmoid)
    return calibration.best_temperature(gather(images, sample=True), images)


def k_occurrence(scores: Array, k: int) -> Array:
    return statistics(scores).occurrences(k)[0]


def bad_k_occurrence(scores: Array, labels: Array, k: int) -> Array:
    return statistics(scores, labels).occurrences(k)[1]
