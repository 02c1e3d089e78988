"""Top-k accuracies of a score matrix, per class and per image, in percent."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, Num, Shaped
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.scored_images import checked


def ranks(scores: Num[Array, "n classes"], labels: Shaped[Array, " n"]) -> Int64[Array, " n"]:
    """Return the number of classes that score higher than the true one, y_i; 0 is a right answer.

        rank_i = |{j : F_ij > F_i,y_i}| + |{j < y_i : F_ij = F_i,y_i}|

    Among equal scores the lowest column comes first, as with argmax.

    Raises:
        InputError: see :class:`~zsl.evaluation.scored_images.ScoredImages`.
    """
    scores, labels = checked(scores, labels)
    own, columns = labels[:, None], np.arange(scores.shape[1])
    true = np.take_along_axis(scores, own, axis=1)
    tied_before = (scores == true) & (columns < own)
    return np.asarray(np.count_nonzero((scores > true) | tied_before, axis=1))


def hits(scores: Num[Array, "n classes"], labels: Shaped[Array, " n"], k: int = 1) -> Bool[Array, " n"]:
    """Return whether the true class is among the k highest scores, rank_i < k; always with k ≥ classes.

    Raises:
        InputError: k < 1, or see :func:`ranks`.
    """
    if k < 1:
        raise InputError(f"top-k: k = {k}; it must be at least 1")
    return np.asarray(ranks(scores, labels) < k)


def class_accuracies(hit: Bool[Array, " n"], labels: Int64[Array, " n"], classes: int) -> Float64[Array, " classes"]:
    """Return the percentage of hits among the images of each class; NaN for a class without images."""
    images = np.bincount(labels, minlength=classes)
    right = np.bincount(labels, weights=hit, minlength=classes)
    share: Array = np.divide(right, images, out=np.full(classes, np.nan), where=images > 0)
    return 100 * share


def mean_class_accuracy(hit: Bool[Array, " n"], labels: Int64[Array, " n"]) -> float:
    """Return 1/C Σ_c (hits of class c) / n_c in percent, over the C classes that have images [Xian2018].

    Of top-1 hits among the unseen classes this is T1.

    Raises:
        InputError: there are no images.
    """
    _require_images(hit)
    _, compact = np.unique(labels, return_inverse=True)
    return float(class_accuracies(hit, compact, compact.max() + 1).mean())


def sample_accuracy(hit: Bool[Array, " n"]) -> float:
    """Return 1/n Σ_i hit_i in percent: images have equal weight, hence large classes more.

    Raises:
        InputError: there are no images.
    """
    _require_images(hit)
    return float(100 * np.mean(hit))


def _require_images(hit: Bool[Array, " n"]) -> None:
    if len(hit) == 0:
        raise InputError("accuracy: no images; an accuracy needs one at least")
