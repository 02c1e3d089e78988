"""SSE: semantic similarity embedding, classes and images as mixtures of seen classes [Zhang2015]."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, TrainingSet
from zsl.hyperparameters import require_choice, require_count, require_positive, require_within
from zsl.methods.compatibility.ranking import violations
from zsl.methods.method import Dimensions, ZSLModel
from zsl.methods.transfer.mixtures import mixtures


class SSE(ZSLModel):
    """F(x, y) = Σ_s z_ys wᵀψ_s(x),   z_y = argmin_{z ≥ 0, Σ_s z_s = 1} ½‖φ(y) - Σ_s z_s φ(s)‖² + γ/2 ‖z‖²

    with s over the seen classes and ψ_s(x) = min(x, v_s) (``"intersection"``) or [x - v_s]₊ (``"relu"``), feature by
    feature. Both are weighted city-block distances, as 2 min(a, b) = a + b - |a - b|; and because they add up to x and
    Σ_s z_ys = 1, one with w ranks classes as the other does with -w. They differ in where they start: w = 1, v = 0.

    w and the v_s minimise mean_n Σ_{y ≠ y_n} [1 + F(x_n, y) - F(x_n, y_n)]₊ / (s - 1), by Adam with an ℓ2 penalty. The
    paper learns w and the v_s in turns, under further constraints, one of them on the mean image of every class; here
    both are learned at once, by the hinge alone, and v_s has any sign, as features may.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        gamma: γ > 0, in units of ‖φ‖²; the larger, the more classes are mixed.
        mapping: ψ, ``"intersection"`` or ``"relu"``.
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        batch_size: images a step ≥ 1.
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range, or the mapping is unknown.
    """

    distributable: ClassVar[bool] = True

    def __init__(
        self,
        dims: Dimensions,
        gamma: float = 1.0,
        mapping: Literal["intersection", "relu"] = "intersection",
        lr: float = 1e-3,
        epochs: int = 20,
        batch_size: int = 64,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        require_positive(gamma=gamma, lr=lr)
        require_choice(mapping, "method.mapping", ("intersection", "relu"))
        require_count(epochs=epochs, batch_size=batch_size)
        require_within(0, math.inf, weight_decay=weight_decay)
        self.gamma, self.sign = gamma, 1 if mapping == "intersection" else -1
        self.lr, self.epochs, self.batch_size, self.weight_decay = lr, epochs, batch_size, weight_decay
        self.w = nn.Parameter(torch.ones(dims.features))
        self.V = nn.Parameter(torch.zeros(dims.seen, dims.features))
        self.register_buffer("S", torch.zeros(dims.seen, dims.embedding))
        self.register_buffer("Z", torch.full((dims.seen, dims.seen), 1 / dims.seen))
        self.S: Tensor
        self.Z: Tensor

    def histogram(self, x: Float[Tensor, "batch d"]) -> Float[Tensor, "batch s"]:
        """Return wᵀψ_s(x) of every seen class, without computing ψ."""
        positive, negative = self.w.clamp(min=0), (-self.w).clamp(min=0)
        distance = torch.cdist(positive * x, positive * self.V, p=1) - torch.cdist(negative * x, negative * self.V, p=1)
        return ((x @ self.w).unsqueeze(1) + self.sign * (self.V @ self.w - distance)) / 2

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the product of the histograms of images and the mixtures of classes."""
        return self.histogram(x) @ mixtures(classes.embeddings, self.S, self.gamma).T

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean over images and wrong classes of the hinges."""
        self._mix(batch.classes)
        violation = violations(self.histogram(batch.x) @ self.Z.T, batch.y, 1.0)
        return violation.sum(dim=1).mean() / max(1, len(batch.classes) - 1)

    def finalize(self, train: TrainingSet) -> None:
        """Store the embeddings of the seen classes."""
        self._mix(train.classes)

    def configure_optimizers(self) -> Optimizer:
        """Return Adam."""
        return Adam(self.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)

    @torch.no_grad()
    def _mix(self, seen: LabelSpace) -> None:
        """Set S and its mixtures Z, unless S is set already; the initial Z = 1/s is the optimum for S = 0."""
        if not torch.equal(self.S, seen.embeddings):
            self.S.copy_(seen.embeddings)
            self.Z.copy_(mixtures(self.S, self.S, self.gamma))
