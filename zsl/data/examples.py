"""Images (as features, or as pixels) with their labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.errors import InputError


@dataclass(frozen=True)
class Examples:
    """θ(x) (or images) with labels, which are positions in a label space.

    Raises:
        InputError: inputs and labels differ in number.
    """

    inputs: Float[Tensor, "n *input"]
    labels: Int[Tensor, " n"]

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or len(self.inputs) != len(self.labels):
            raise InputError(
                f"examples: inputs of shape {tuple(self.inputs.shape)} and labels of shape "
                f"{tuple(self.labels.shape)}; give one label per input"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Int[Tensor, " m"]) -> Examples:
        """Return the examples at ``index``, in that order."""
        return Examples(self.inputs[index], self.labels[index])

    def to(self, device: torch.device | str) -> Examples:
        """Return the examples on another device."""
        return Examples(self.inputs.to(device), self.labels.to(device))
