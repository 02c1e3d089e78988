"""How far an image's wrong classes violate a margin: what ALE, DeViSE, SJE and LATEM weigh differently."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor


def violations(F: Float[Tensor, "batch s"], y: Int[Tensor, " batch"], margin: float) -> Float[Tensor, "batch s"]:
    """[Δ + F(x_n, y) - F(x_n, y_n)]₊ for every class y ≠ y_n, and 0 for y_n itself."""
    own = y.unsqueeze(1)
    return (margin + F - F.gather(1, own)).clamp(min=0).scatter(1, own, 0)
