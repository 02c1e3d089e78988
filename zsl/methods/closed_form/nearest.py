"""Nearest neighbours: similarities of projected images and projected classes."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

Similarity = Literal["euclidean", "cosine"]


def nearness(
    a: Float[Tensor, "n m"], b: Float[Tensor, "classes m"], similarity: Similarity
) -> Float[Tensor, "n classes"]:
    """Return cos(a_i, b_j), 0 where either vector is 0; or -‖a_i - b_j‖²."""
    if similarity == "cosine":
        return normalize(a, dim=1) @ normalize(b, dim=1).T
    return 2 * a @ b.T - (a**2).sum(dim=1, keepdim=True) - (b**2).sum(dim=1)
