"""Weights of a loss that grow while a method trains."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zsl.errors import InputError
from zsl.hyperparameters import require_within


class Ramps(nn.Module):
    """Weights w(t) = top · clip((t - start) / (end - start), 0, 1) after a share t of the training.

    Args:
        ramps: for every weight by its name: top ≥ 0, start ≥ 0, and end, above the start and at most 1.

    Raises:
        InputError: one of these is out of range.
    """

    def __init__(self, **ramps: tuple[float, float, float]) -> None:
        super().__init__()
        for name, given in ramps.items():
            _require_ramp(name, *given)
        tops, starts, ends = torch.tensor(list(ramps.values()), dtype=torch.get_default_dtype()).unbind(dim=1)
        self.register_buffer("tops", tops, persistent=False)
        self.register_buffer("starts", starts, persistent=False)
        self.register_buffer("lengths", ends - starts, persistent=False)
        self.register_buffer("weights", torch.zeros_like(tops), persistent=False)
        self.tops: Tensor
        self.starts: Tensor
        self.lengths: Tensor
        self.weights: Tensor

    def go_to(self, share: float) -> None:
        """Give the weights their values after a share of the training."""
        self.weights = self.at(torch.full_like(self.tops, share))

    def at(self, share: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return the weights after a share of the training each."""
        return self.tops * ((share - self.starts) / self.lengths).clamp(0, 1)


def _require_ramp(name: str, top: float, start: float, end: float) -> None:
    require_within(0, math.inf, **{name: top})
    require_within(0, 1, **{f"{name}_start": start})
    if isinstance(end, bool) or not isinstance(end, int | float) or not start < end <= 1:
        raise InputError(
            f"method.{name}_end={end}: must be a share of the training greater than method.{name}_start={start}, and "
            "at most 1"
        )
