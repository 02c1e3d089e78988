"""What closed forms need to know of the training images: second moments, sums over classes; and ridge factors."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROWS, COLUMNS = 4096, 512
"""images and features multiplied at a time"""


def gram(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    """XᵀX in float64.

    Products are in the precision of ``x``, over a few thousand images at a time, and their sums in float64; blocks
    below the diagonal are mirrored, not computed. No copy of X is made.
    """
    d = x.shape[1]
    upper = x.new_zeros(d, d, dtype=torch.float64)
    for rows in torch.split(x, ROWS):
        for i in range(0, d, COLUMNS):
            upper[i : i + COLUMNS, i:] += rows[:, i : i + COLUMNS].T @ rows[:, i:]
    return upper.triu() + upper.triu(1).T


def class_sums(x: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, "classes d"]:
    """YᵀX in float64, with Y the indicators of the classes: row y is the sum of the images of y."""
    sums = x.new_zeros(classes, x.shape[1], dtype=torch.float64)
    for rows, here in zip(torch.split(x, ROWS), torch.split(labels, ROWS), strict=True):
        sums.index_add_(0, here, rows.double())
    return sums


def class_counts(labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, " classes"]:
    """The diagonal of YᵀY in float64: how many images each class has."""
    return torch.bincount(labels, minlength=classes).double()


def ridge_factor(A: Float[Tensor, "m m"], penalty: float) -> Float[Tensor, "m m"]:
    """The Cholesky factor of A + penalty · I."""
    factor: Tensor = torch.linalg.cholesky(A + penalty * torch.eye(len(A), dtype=A.dtype, device=A.device))
    return factor
