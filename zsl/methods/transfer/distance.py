"""Squared Euclidean distances between the rows of two matrices."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def squared_distances(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """‖a_i - b_j‖² = ‖a_i‖² - 2 a_iᵀb_j + ‖b_j‖²"""
    return a.square().sum(dim=1, keepdim=True) - 2 * a @ b.T + b.square().sum(dim=1)
