"""Input of every metric: scores, made block by block, with the true labels and the seen mask."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Num, Shaped
from numpy import ndarray as Array

from zsl.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 1e300
"""Scores beyond this are refused: differences of two scores must not overflow."""
ROWS = 4096
"""most images in a block of scores"""
SCORES = 1 << 22
"""most scores in a block, unless one image has more"""


def rows_per_block(classes: int) -> int:
    """Return the number of images in a block of scores."""
    return max(1, min(ROWS, SCORES // classes))


class ScoreStream(ABC):
    """F(x_i, y_j) for n images and all candidate classes, made block by block, with labels and the seen mask.

    ``labels[i]`` is the column of image i's own class, and ``seen[j]`` says whether class j had images in training.
    """

    labels: Int64[Array, " n"]
    seen: Bool[Array, " classes"]
    sigmoid: bool = False
    """whether the probability of a class is σ(F(x, y)), by itself, and not the softmax over all classes"""

    @abstractmethod
    def blocks(self) -> Iterator[Float[Tensor, "rows classes"]]:
        """Yield the scores of consecutive images, in any precision and on any device; every call makes them again."""

    def matrices(self) -> Iterator[Float64[Array, "rows classes"]]:
        """Yield the blocks as NumPy arrays in float64."""
        return (block.double().numpy(force=True) for block in self.blocks())

    def dense(self) -> Float64[Array, "n classes"]:
        """Return all scores at once, 8 bytes each."""
        return np.concatenate(list(self.matrices()))

    @property
    def of_seen_class(self) -> Bool[Array, " n"]:
        """Mask of the images that belong to a seen class."""
        return np.asarray(self.seen[self.labels])


@dataclass(frozen=True)
class ScoredImages(ScoreStream):
    """Scores that are given as a matrix. Any real dtype is taken; scores are kept in float64, labels in int64.

    Raises:
        InputError: no image or no class, shapes that do not belong together, a score that is NaN, infinite or beyond
            ±1e300, a label that is not a column, a seen mask that is not boolean.
    """

    scores: Float64[Array, "n classes"]
    labels: Int64[Array, " n"]
    seen: Bool[Array, " classes"]
    sigmoid: bool = False

    def __post_init__(self) -> None:
        scores = checked_scores(self.scores).astype(np.float64, copy=False)
        labels, seen = checked_labels(self.labels, *scores.shape), checked_seen(self.seen, scores.shape[1])
        for name, value in (("scores", scores), ("labels", labels), ("seen", seen)):
            object.__setattr__(self, name, value)

    def blocks(self) -> Iterator[Float64[Tensor, "rows classes"]]:
        """Yield parts of the matrix."""
        import torch

        yield from torch.split(torch.from_numpy(np.ascontiguousarray(self.scores)), rows_per_block(len(self.seen)))


def checked_labels(labels: Shaped[Array, " n"], n: int, classes: int) -> Int64[Array, " n"]:
    """Return the labels in int64, after checking that they are columns.

    Raises:
        InputError: there is not one whole number for each of ``n`` images, or one is not a column.
    """
    labels = np.asarray(labels)
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"labels: {labels.dtype} of shape {labels.shape} for scores of shape {(n, classes)}; "
            "give one integer, the column of the true class, per row of the scores"
        )
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if outside.size:
        raise InputError(
            f"labels: {outside.size} of {n} are no column of the scores, the first is {labels[outside[0]]} in row "
            f"{outside[0]}; labels run from 0 to {classes - 1}"
        )
    return labels.astype(np.int64, copy=False)


def checked_scores(scores: Num[Array, "n classes"]) -> Num[Array, "n classes"]:
    """Return the scores unchanged after checking that they are a matrix of finite numbers.

    Raises:
        InputError: as for :class:`ScoredImages`.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or not (np.issubdtype(scores.dtype, np.floating) or np.issubdtype(scores.dtype, np.integer)):
        raise InputError(
            f"scores: {scores.dtype} of shape {scores.shape}; "
            "give a matrix of real numbers, one row per image, one column per class"
        )
    if 0 in scores.shape:
        raise InputError(
            f"scores: shape {scores.shape} has no {'image' if len(scores) == 0 else 'class'}; give one at least"
        )
    if not (float(scores.max()) <= LARGEST and float(scores.min()) >= -LARGEST):
        rows = np.flatnonzero(~(np.abs(scores.astype(np.float64)) <= LARGEST).all(axis=1))
        raise InputError(
            f"scores: {rows.size} of {len(scores)} rows hold NaN or a value beyond ±{LARGEST:g}, the first is row "
            f"{rows[0]}; look for a division by zero or a training run that diverged"
        )
    return scores


def checked_gamma(gamma: float) -> float:
    """Return the bias γ of calibrated stacking, in units of the scores, after checking it.

    Raises:
        InputError: γ is not finite.
    """
    if not math.isfinite(gamma):
        raise InputError(f"calibrated stacking: γ = {gamma}; it must be finite")
    return gamma


def checked_seen(seen: Bool[Array, " classes"], classes: int) -> Bool[Array, " classes"]:
    """Return the mask after checking that it has one boolean per class (not the numbers of the seen classes).

    Raises:
        InputError: the mask is of another type or shape.
    """
    seen = np.asarray(seen)
    if seen.dtype != np.bool_ or seen.shape != (classes,):
        raise InputError(
            f"seen mask: {seen.dtype} of shape {seen.shape} for {classes} classes; "
            "give one boolean per column of the scores"
        )
    return seen
