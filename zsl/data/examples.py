"""Images (as features, or as pixels) with their labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.stored_rows import StoredRows, in_memory
from zsl.errors import InputError


@dataclass(frozen=True)
class Examples:
    """θ(x) (or images) with labels, which are positions in a label space.

    Inputs larger than memory are rows that are read where they are used: :class:`.StoredRows`.

    Raises:
        InputError: inputs and labels differ in number.
    """

    inputs: Float[Tensor, "n *input"] | StoredRows
    labels: Int[Tensor, " n"]

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or len(self.inputs) != len(self.labels):
            raise InputError(
                f"examples: inputs of shape {tuple(self.inputs.shape)} and labels of shape "
                f"{tuple(self.labels.shape)}; give one label per input"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def tensor(self) -> Float[Tensor, "n *input"]:
        """Return the inputs in memory.

        Raises:
            InputError: they are stored rows that need more memory than this machine has.
        """
        return in_memory(self.inputs)

    def take(self, index: Int[Tensor, " m"]) -> Examples:
        """Return the examples at ``index``, in that order."""
        return Examples(self.inputs[index], self.labels[index])

    def to(self, device: torch.device | str) -> Examples:
        """Return the examples on another device."""
        return Examples(self.inputs.to(device), self.labels.to(device))


def in_turn(labels: Int[Tensor, " n"], per_class: int) -> Int[Tensor, " m"]:
    """Return ``per_class`` positions of each label, in a random order, repeated where there are fewer."""
    mixed = torch.randperm(len(labels)).to(labels.device)
    order = mixed[labels[mixed].argsort(stable=True)]
    counts = labels.bincount()
    counts = counts[counts > 0]
    starts = counts.cumsum(0) - counts
    turn = torch.arange(per_class, device=labels.device) % counts.unsqueeze(1)
    return order[(starts.unsqueeze(1) + turn).flatten()]
