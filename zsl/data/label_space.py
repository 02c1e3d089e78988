"""The label space: the set of classes among which a method predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zsl.errors import InputError


@dataclass(frozen=True)
class LabelSpace:
    """Label space Y, or any subset or reordering of Y.

    ZSL computes ``scores(x, classes.take(classes.unseen_ids))`` and GZSL ``scores(x, classes)``, by the same method.

    Raises:
        InputError: embeddings or seen flags are no tensors, the numbers of names, embeddings and seen flags differ,
            there is no class, or a name occurs twice.
    """

    names: tuple[str, ...]
    embeddings: Float[Tensor, "classes k"]
    """row i is φ(y_i)"""
    seen: Bool[Tensor, " classes"]
    """whether class i had images in training"""

    def __post_init__(self) -> None:
        n = len(self.names)
        if not (
            isinstance(self.embeddings, Tensor) and isinstance(self.seen, Tensor) and self.seen.dtype == torch.bool
        ):
            raise InputError("label space: give a tensor of embeddings, and a tensor of truth values for seen")
        if self.embeddings.ndim != 2 or self.embeddings.shape[0] != n or self.seen.shape != (n,):
            raise InputError(
                f"label space: {n} names, embeddings of shape {tuple(self.embeddings.shape)} and seen of shape "
                f"{tuple(self.seen.shape)} do not match; give one row and one flag per name"
            )
        if n == 0:
            raise InputError("label space: no classes; give at least one")
        if len(set(self.names)) != n:
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise InputError(f"label space: class {twice!r} occurs twice; names must be unique")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def seen_ids(self) -> Int[Tensor, " s"]:
        """Return the positions of the seen classes, ascending."""
        return self.seen.nonzero().squeeze(1)

    @property
    def unseen_ids(self) -> Int[Tensor, " u"]:
        """Return the positions of the unseen classes, ascending."""
        return (~self.seen).nonzero().squeeze(1)

    def take(self, index: Int[Tensor, " m"] | Sequence[int]) -> LabelSpace:
        """Return the label space of the classes at ``index``, in that order."""
        ids = torch.as_tensor(index, dtype=torch.long, device=self.embeddings.device)
        names = tuple(self.names[i] for i in ids.tolist())
        return LabelSpace(names, self.embeddings[ids], self.seen[ids])

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> LabelSpace:
        """Return the label space on another device, in another precision."""
        return LabelSpace(self.names, self.embeddings.to(device, dtype), self.seen.to(device))
