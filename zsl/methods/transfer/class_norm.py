"""A class-normalised multilayer perceptron from attributes to prototypes [Skorokhodov2021]."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from torch.optim import Adam
from torch.optim.lr_scheduler import StepLR

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, TrainingSet
from zsl.hyperparameters import require_count, require_positive, require_within
from zsl.methods.method import Dimensions, ZSLModel


class ClassStandardization(nn.Module):
    """h ↦ (h - μ) / (σ² + 10⁻⁵),   μ and σ² over the seen classes

    per unit; the paper divides by the variance σ², not by its root. In training the rows are the seen classes, whose
    statistics are used and stored; in evaluation any classes are standardised by the stored statistics.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(units))
        self.register_buffer("variance", torch.ones(units))
        self.mean: Tensor
        self.variance: Tensor

    def forward(self, h: Float[Tensor, "classes units"]) -> Float[Tensor, "classes units"]:
        """Return h standardised by the statistics of the seen classes."""
        if not self.training:
            return (h - self.mean) / (self.variance + 1e-5)
        mean, variance = h.mean(dim=0), h.var(dim=0, correction=0)
        self.mean.copy_(mean.detach())
        self.variance.copy_(variance.detach())
        return (h - mean) / (variance + 1e-5)


class ClassNorm(ZSLModel):
    """F(x, y) = γ² cos(x, p(φ(y))),   p(φ) = [W₃ C(h)]₊,   h = [C(W₂ [W₁ √k φ/‖φ‖]₊)]₊

    with C the :class:`ClassStandardization` and biases left out of the formula. The loss is cross-entropy over the
    seen classes, by Adam with an ℓ2 penalty; its rate falls to a tenth every ``decay_every`` epochs. W₃ starts uniform
    with variance 1/(hidden · d), which keeps the variance of prototypes where it is.

    Args:
        dims: sizes of θ(x) and φ(y).
        hidden: width of both hidden layers ≥ 1.
        scale: γ > 0, the length that features and prototypes are given.
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        decay_every: epochs ≥ 1.
        batch_size: images a step ≥ 1.
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    distributable: ClassVar[bool] = True

    def __init__(
        self,
        dims: Dimensions,
        hidden: int = 1024,
        scale: float = 5.0,
        lr: float = 5e-4,
        epochs: int = 50,
        decay_every: int = 25,
        batch_size: int = 256,
        weight_decay: float = 1e-4,
    ) -> None:
        super().__init__()
        require_positive(lr=lr, scale=scale)
        require_count(hidden=hidden, epochs=epochs, batch_size=batch_size, decay_every=decay_every)
        require_within(0, math.inf, weight_decay=weight_decay)
        self.scale, self.lr, self.weight_decay = scale, lr, weight_decay
        self.epochs, self.decay_every, self.batch_size = epochs, decay_every, batch_size
        last = nn.Linear(hidden, dims.features)
        nn.init.uniform_(last.weight, -(bound := math.sqrt(3 / (hidden * dims.features))), bound)
        self.p = nn.Sequential(
            nn.Linear(dims.embedding, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            ClassStandardization(hidden),
            nn.ReLU(),
            ClassStandardization(hidden),
            last,
            nn.ReLU(),
        )

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scaled cosine to the prototype of every class."""
        phi = math.sqrt(classes.embeddings.shape[1]) * normalize(classes.embeddings)
        return self.scale**2 * normalize(x) @ normalize(self.p(phi)).T

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the cross-entropy over the seen classes."""
        return cross_entropy(self.scores(batch.x, batch.classes), batch.y)

    def configure_optimizers(self) -> Any:
        """Return Adam, with a learning rate that falls in steps."""
        optimizer = Adam(self.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
        return {"optimizer": optimizer, "lr_scheduler": StepLR(optimizer, self.decay_every, gamma=0.1)}

    @torch.no_grad()
    def finalize(self, train: TrainingSet) -> None:
        """Compute the statistics of the seen classes with the final weights."""
        mode = self.training
        self.train()
        self.scores(train.examples.inputs[:1], train.classes)
        self.train(mode)
