"""Accuracies of hits, per class and per image, in percent; a hit is a truth value, or a precision in [0, 1]."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, Shaped
from numpy import ndarray as Array

from zsl.errors import InputError


def class_accuracies(hit: Shaped[Array, " n"], labels: Int64[Array, " n"], classes: int) -> Float64[Array, " classes"]:
    """Return the percentage of hits among the images of each class; NaN for a class without images."""
    images = np.bincount(labels, minlength=classes)
    right = np.bincount(labels, weights=hit, minlength=classes)
    share: Array = np.divide(right, images, out=np.full(classes, np.nan), where=images > 0)
    return 100 * share


def mean_class_accuracy(hit: Shaped[Array, " n"], labels: Int64[Array, " n"]) -> float:
    """Return 1/C Σ_c (hits of class c) / n_c in percent, over the C classes that have images [Xian2018].

    Of top-1 hits among the unseen classes this is T1.

    Raises:
        InputError: there are no images.
    """
    _require_images(hit)
    _, compact = np.unique(labels, return_inverse=True)
    return float(class_accuracies(hit, compact, compact.max() + 1).mean())


def sample_accuracy(hit: Shaped[Array, " n"]) -> float:
    """Return 1/n Σ_i hit_i in percent: images have equal weight, hence large classes more.

    Raises:
        InputError: there are no images.
    """
    _require_images(hit)
    return float(100 * np.mean(hit))


def _require_images(hit: Shaped[Array, " n"]) -> None:
    if len(hit) == 0:
        raise InputError("accuracy: no images; an accuracy needs one at least")
