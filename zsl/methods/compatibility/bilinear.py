"""The bilinear compatibility F(x, y) = θ(x)ᵀ W φ(y), and its training by stochastic gradient descent."""

from __future__ import annotations

import math
from typing import ClassVar, TypedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.hyperparameters import require_count, require_positive, require_within
from zsl.methods.method import Dimensions, ZSLModel


class Bilinear(ZSLModel):
    """F(x, y) = θ(x)ᵀ W φ(y), with W (d × k) the only parameter."""

    def __init__(self, dims: Dimensions) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.zeros(dims.features, dims.embedding))

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return θ(x)ᵀ W φ(y), multiplied in the order that costs least for the sizes of batch and label space."""
        F: Tensor = torch.linalg.multi_dot([x, self.W, classes.embeddings.T])
        return F


class DescentKeys(TypedDict, total=False):
    """Hyperparameters of :class:`BilinearSGD` that methods pass on to it."""

    epochs: int
    batch_size: int
    momentum: float
    weight_decay: float


class BilinearSGD(Bilinear):
    """A bilinear map learned by stochastic gradient descent with momentum: v ← μv + ∂loss + λW, W ← W - ηv.

    W starts at N(0, 1/d). A method adds its ``loss``.

    Args:
        dims: sizes of θ(x) and φ(y).
        lr: learning rate η > 0.
        epochs: passes over the training images ≥ 1.
        batch_size: images a step ≥ 1.
        momentum: μ in [0, 1).
        weight_decay: λ ≥ 0, of all parameters.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    distributable: ClassVar[bool] = True

    def __init__(
        self,
        dims: Dimensions,
        lr: float,
        epochs: int = 50,
        batch_size: int = 64,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(dims)
        self.W = nn.Parameter(torch.randn(dims.features, dims.embedding) / math.sqrt(dims.features))
        require_positive(lr=lr)
        require_count(epochs=epochs, batch_size=batch_size)
        require_within(0, 1, momentum=momentum)
        require_within(0, math.inf, weight_decay=weight_decay)
        self.lr, self.epochs, self.batch_size = lr, epochs, batch_size
        self.momentum, self.weight_decay = momentum, weight_decay

    def configure_optimizers(self) -> Optimizer:
        """Return the optimizer: stochastic gradient descent with momentum."""
        return SGD(self.parameters(), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay, fused=True)
