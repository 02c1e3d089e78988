"""Classes of training among those of a label space, identified by their φ."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def places(known: Float[Tensor, "s k"], asked: Float[Tensor, "classes k"]) -> Int[Tensor, " classes"]:
    """Return for each class asked about the position of the first known class of equal φ, or -1."""
    ids = torch.unique(torch.cat([known, asked]), dim=0, return_inverse=True)[1]
    place = ids.new_full((len(ids),), -1)
    place[ids[: len(known)].flip(0)] = torch.arange(len(known), device=ids.device).flip(0)
    found: Tensor = place[ids[len(known) :]]
    return found
