"""Scaling of image features and of class embeddings, fitted on training images and seen classes only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64
from numpy import ndarray as Array

from zsl.data.row_blocks import RowBlocks
from zsl.hyperparameters import require_choice

FeatureScale = Literal["none", "l2", "sqrt_l2", "standard", "minmax"]
EmbeddingScale = Literal["none", "l2", "zscore"]
FITTED: tuple[FeatureScale, ...] = ("standard", "minmax")
"""the scalings with a shift and a width"""
NUMBERS = 1 << 24
"""features that are read at a time"""


@dataclass(frozen=True)
class Scaling:
    """x ↦ x ⊘ ‖x‖₂ per image, after sign(x) ⊙ √|x| where asked; or (x - shift) ⊘ width per feature.

    ``shift`` and ``width`` are mean and standard deviation (``standard``) or minimum and range (``minmax``) of the
    training images; a constant feature has width 1.
    """

    kind: FeatureScale
    shift: Float32[Array, " d"] | None = None
    width: Float32[Array, " d"] | None = None

    def __call__(self, x: Float32[Array, "n d"]) -> Float32[Array, "n d"]:
        """Return the scaled features; ``x`` is not modified."""
        if self.kind == "sqrt_l2":
            x = np.sign(x) * np.sqrt(np.abs(x))
        if self.kind in ("l2", "sqrt_l2"):
            return unit_rows(x)
        if self.shift is not None and self.width is not None:
            return np.asarray((x - self.shift) / self.width)
        return np.array(x)


def fit_scaling(
    kind: FeatureScale, features: Float32[Array, "n d"] | RowBlocks, at: Int64[Array, " m"] | None = None
) -> Scaling:
    """Fit a scaling on training images, read in blocks.

    Args:
        kind: none, l2, sqrt_l2, standard or minmax.
        features: features of all images.
        at: rows of the training images; None for all.

    Raises:
        InputError: the kind is unknown.
    """
    require_choice(kind, "data.scale", ("none", "l2", "sqrt_l2", "standard", "minmax"))
    if kind not in FITTED:
        return Scaling(kind)
    at = np.arange(len(features)) if at is None else at
    size = max(1, NUMBERS // features.shape[1])
    blocks = (features[at[start : start + size]] for start in range(0, len(at), size))
    shift, width = _standard(blocks) if kind == "standard" else _minmax(blocks)
    return Scaling(kind, shift.astype(np.float32), np.where(width > 0, width, 1).astype(np.float32))


def _standard(blocks: Iterable[Float32[Array, "n d"]]) -> tuple[Float64[Array, " d"], Float64[Array, " d"]]:
    """Return mean and standard deviation; those of blocks are merged as in [Chan1983]."""
    count, mean, scatter = 0, np.zeros(()), np.zeros(())
    for x in blocks:
        here = x.mean(axis=0, dtype=np.float64)
        total, delta = count + len(x), here - mean
        scatter = scatter + len(x) * (x.var(axis=0, dtype=np.float64) + delta**2 * (count / total))
        mean = here if count == 0 else mean + delta * (len(x) / total)
        count = total
    return mean, np.sqrt(scatter / count)


def _minmax(blocks: Iterable[Float32[Array, "n d"]]) -> tuple[Float32[Array, " d"], Float32[Array, " d"]]:
    """Return minimum and range."""
    lows, highs = zip(*((x.min(axis=0), x.max(axis=0)) for x in blocks), strict=True)
    low: Array = np.min(lows, axis=0)
    return low, np.max(highs, axis=0) - low


def scale_embeddings(
    kind: EmbeddingScale, phi: Float64[Array, "classes k"], seen: Bool[Array, " classes"]
) -> Float64[Array, "classes k"]:
    """Return φ with rows of length 1 (``l2``), or standardised by mean and deviation of the seen classes (``zscore``).

    Raises:
        InputError: the kind is unknown.
    """
    require_choice(kind, "class_embedding.scale", ("none", "l2", "zscore"))
    if kind == "l2":
        return unit_rows(phi)
    if kind == "zscore":
        deviation = phi[seen].std(axis=0)
        return np.asarray((phi - phi[seen].mean(axis=0)) / np.where(deviation > 0, deviation, 1))
    return phi


def unit_rows(x: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Divide every row by its Euclidean length; rows of zeros are unchanged."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(length > 0, length, 1), dtype=x.dtype)
