"""Mean similarity to the k nearest neighbours, by which CSLS and NICDM measure local density."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array


def nearest_mean(
    scores: Float64[Array, "n classes"], k: int, axis: Literal[0, 1]
) -> Float64[Array, "1 classes"] | Float64[Array, "n 1"]:
    """Return the mean of the k highest scores (of all, if fewer) of every image (axis 1) or class (axis 0).

    The result is bit-identical for any order of images and of classes.
    """
    rest = max(scores.shape[axis] - k, 0)
    highest = np.take(np.partition(scores, rest, axis), np.arange(rest, scores.shape[axis]), axis)
    return np.asarray(np.sort(highest, axis).mean(axis, keepdims=True))
