"""Statistics of the scores of every class over all images, gathered block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.evaluation.corrections.correction import Blocks


@dataclass(frozen=True)
class Columns:
    """Statistics of every column of a score matrix."""

    images: int
    mean: Float64[Array, " classes"]
    deviations: Float64[Array, " classes"]
    """Σ_x (F(x, y) - mean_y)²"""
    lowest: Float64[Array, " classes"]
    highest: Float64[Array, " classes"]
    nearest: Float64[Array, "k classes"]
    """the k highest scores of every class (all, if fewer), in no order"""

    @property
    def constant(self) -> bool:
        """Whether all images score alike with every class."""
        return bool((self.lowest == self.highest).all())


def gather_columns(blocks: Blocks, nearest: int = 0) -> Columns:
    """Gather statistics of columns in one pass; means and squares are merged by the formula of [Chan1983].

    Args:
        blocks: scores of all images.
        nearest: number k of highest scores to keep.
    """
    found: Columns | None = None
    for block in blocks:
        mean = block.mean(axis=0)
        here = Columns(
            len(block), mean, ((block - mean) ** 2).sum(axis=0), block.min(axis=0), block.max(axis=0),
            _highest(block, nearest),
        )  # fmt: skip
        found = here if found is None else _merged(found, here, nearest)
    assert found is not None
    return found


def nearest_mean(scores: Float64[Array, "n classes"], k: int, axis: Literal[0, 1]) -> Float64[Array, "..."]:
    """Return the mean of the k highest scores (of all, if fewer) of every image (axis 1) or class (axis 0).

    The result is bit-identical for any order of images and of classes.
    """
    rest = max(scores.shape[axis] - k, 0)
    highest = np.take(np.partition(scores, rest, axis), np.arange(rest, scores.shape[axis]), axis) if rest else scores
    return np.asarray(np.sort(highest, axis).mean(axis, keepdims=True))


def _merged(a: Columns, b: Columns, k: int) -> Columns:
    n = a.images + b.images
    apart = b.mean - a.mean
    return Columns(
        n,
        a.mean + apart * (b.images / n),
        a.deviations + b.deviations + apart**2 * (a.images * b.images / n),
        np.minimum(a.lowest, b.lowest),
        np.maximum(a.highest, b.highest),
        _highest(np.concatenate([a.nearest, b.nearest]), k),
    )


def _highest(block: Float64[Array, "n classes"], k: int) -> Float64[Array, "k classes"]:
    rest = len(block) - k
    return block if rest <= 0 else np.partition(block, min(rest, len(block) - 1), axis=0)[rest:]
