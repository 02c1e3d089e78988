"""Rates of the noise of a diffusion [Xiao2022]."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

LEAST, MOST, START = 0.1, 20.0, 1e-3
"""rate of noise at the beginning and at the end of the diffusion, and the time at which it begins"""


def schedule(steps: int) -> tuple[Float[Tensor, " t"], Float[Tensor, " t"]]:
    """Return ā₀, …, ā_T and b₀, …, b_T in float64, at T + 1 equidistant times of [0.001, 1]; ā₀ = 1 and b₀ = 0."""
    time = START + (1 - START) * torch.arange(steps + 1, dtype=torch.float64) / steps
    kept = (-(time**2) * (MOST - LEAST) / 2 - time * LEAST).exp()
    return kept / kept[0], torch.cat([kept.new_zeros(1), 1 - kept[1:] / kept[:-1]])
