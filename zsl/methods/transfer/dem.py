"""DEM: deep embedding model, from semantics to features [Zhang2017]."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch
from zsl.hyperparameters import require_choice, require_count, require_positive, require_within
from zsl.methods.closed_form.nearest import nearness
from zsl.methods.method import Dimensions, ZSLModel


class DEM(ZSLModel):
    """F(x, y) = -‖x - g(φ(y))‖²,   g(φ) = r(W₂ [W₁φ + b₁]₊ + b₂)

    with W₁ (hidden × k) and W₂ (d × hidden) minimising mean_n ‖x_n - g(φ(y_n))‖² + λ/2 ‖W₁, b₁, W₂, b₂‖², by Adam. The
    paper's r is the rectifier too (``"relu"``), as its features are never negative; ``"linear"`` leaves the output as
    it is, for features of either sign. The authors' programs take the mean over the d features as well: their λ of
    0.001 (AWA) and 0.01 (CUB) is dλ here, for features that are not scaled. There the nearest class on CUB is that of
    the greatest cosine; here it is the nearest by distance, as on AWA and in the paper's formula, on every data set.

    Args:
        dims: sizes of θ(x) and φ(y).
        hidden: width of the hidden layer ≥ 1.
        output: r, ``"relu"`` or ``"linear"``.
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        batch_size: images a step ≥ 1.
        weight_decay: λ ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range, or the output is unknown.
    """

    distributable: ClassVar[bool] = True

    def __init__(
        self,
        dims: Dimensions,
        hidden: int = 1024,
        output: Literal["relu", "linear"] = "linear",
        lr: float = 1e-4,
        epochs: int = 50,
        batch_size: int = 64,
        weight_decay: float = 1e-3,
    ) -> None:
        super().__init__()
        require_positive(lr=lr)
        require_count(hidden=hidden, epochs=epochs, batch_size=batch_size)
        require_within(0, math.inf, weight_decay=weight_decay)
        require_choice(output, "method.output", ("relu", "linear"))
        self.lr, self.epochs, self.batch_size, self.weight_decay = lr, epochs, batch_size, weight_decay
        r = nn.ReLU() if output == "relu" else nn.Identity()
        self.g = nn.Sequential(nn.Linear(dims.embedding, hidden), nn.ReLU(), nn.Linear(hidden, dims.features), r)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return minus the squared Euclidean distance to g(φ(y)) of every class."""
        return nearness(x, self.g(classes.embeddings), "euclidean")

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean squared distance of images to g(φ(y)) of their classes."""
        present, place = torch.unique(batch.y, return_inverse=True)
        difference: Tensor = batch.x - self.g(batch.classes.embeddings[present])[place]
        return difference.square().sum(dim=1).mean()

    def configure_optimizers(self) -> Optimizer:
        """Return Adam."""
        return Adam(self.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
