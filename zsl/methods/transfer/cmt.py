"""CMT: cross-modal transfer [Socher2013]."""

from __future__ import annotations

import math
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch
from zsl.hyperparameters import require_count, require_positive, require_within
from zsl.methods.closed_form.nearest import nearness
from zsl.methods.method import Dimensions, ZSLModel


class CMT(ZSLModel):
    """F(x, y) = -‖f(x) - φ(y)‖²,   f(x) = W₂ tanh(W₁x + b₁) + b₂

    with W₁ (hidden × d) and W₂ (k × hidden) minimising mean_n ‖f(x_n) - φ(y_n)‖², by Adam.

    Args:
        dims: sizes of θ(x) and φ(y).
        hidden: width of the hidden layer ≥ 1.
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        batch_size: images a step ≥ 1.
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    distributable: ClassVar[bool] = True

    def __init__(
        self,
        dims: Dimensions,
        hidden: int = 512,
        lr: float = 1e-3,
        epochs: int = 50,
        batch_size: int = 64,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        require_positive(lr=lr)
        require_count(hidden=hidden, epochs=epochs, batch_size=batch_size)
        require_within(0, math.inf, weight_decay=weight_decay)
        self.lr, self.epochs, self.batch_size, self.weight_decay = lr, epochs, batch_size, weight_decay
        self.f = nn.Sequential(nn.Linear(dims.features, hidden), nn.Tanh(), nn.Linear(hidden, dims.embedding))

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return minus the squared Euclidean distance to every class embedding."""
        return nearness(self.f(x), classes.embeddings, "euclidean")

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean squared distance of images to the embeddings of their classes."""
        difference: Tensor = self.f(batch.x) - batch.classes.embeddings[batch.y]
        return difference.square().sum(dim=1).mean()

    def configure_optimizers(self) -> Optimizer:
        """Return Adam."""
        return Adam(self.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
