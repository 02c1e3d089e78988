"""How close the k nearest are: what CSLS and NICDM measure crowding by."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array


def nearest_mean(
    scores: Float64[Array, "n classes"], k: int, axis: Literal[0, 1]
) -> Float64[Array, "1 classes"] | Float64[Array, "n 1"]:
    """Mean of the k highest scores of every image (axis 1) or of every class (axis 0); of fewer than k, of all.

    The order of images and of classes does not matter, to the last bit.
    """
    rest = max(scores.shape[axis] - k, 0)
    highest = np.take(np.partition(scores, rest, axis), np.arange(rest, scores.shape[axis]), axis)
    return np.asarray(np.sort(highest, axis).mean(axis, keepdims=True))
