"""The bilinear compatibility that ESZSL, ALE and their kin share."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zsl.data.label_space import LabelSpace
from zsl.model import Dimensions, ZSLModel


class Bilinear(ZSLModel):
    """F(x, y) = θ(x)ᵀ W φ(y), with W (d × k) as all there is to learn.

    W starts at N(0, 1/d) where it is learned by gradients; closed forms overwrite it.
    """

    def __init__(self, dims: Dimensions) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(dims.features, dims.embedding) / math.sqrt(dims.features))

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """F(x, y) = θ(x)ᵀ W φ(y), multiplied in the order that costs least for this batch and this label space."""
        F: Tensor = torch.linalg.multi_dot([x, self.W, classes.embeddings.T])
        return F
