"""The semantic disentangling of SDGZSL: a space of what in a feature goes with its description [Chen2021b]."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import leaky_relu, linear, mse_loss, relu, softplus
from torch.optim import Adam, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch
from zsl.hyperparameters import require_count, require_positive, require_within
from zsl.methods.generative.losses import is_own
from zsl.methods.generative.networks import SLOPE, mlp, of_pairs
from zsl.methods.generative.prepared import hold_phi_scale
from zsl.methods.generative.space import Space
from zsl.methods.method import Dimensions


class Disentangling(Space):
    """min_{A, B, ρ}  E ‖x - x̂‖² / d  +  γ E (ρ(h_s, φ(y')) - [y' = y])²  +  β E (log D(h) - log(1 - D(h)))

    max_D  δ (E log D(h) + E log(1 - D(h_s, h_n')))

    over real features of seen classes, with h = (h_s, h_n) = λ(Ax + a), x̂ = B₂ λ(B₁h + b₁) + b₂, λ the leaky
    rectifier, ρ(h_s, φ) a perceptron of h_s and cφ with a hidden layer of rectifiers and a logistic output,
    c = 1 / √(E ‖φ‖²) over seen classes, y' every seen class, D logistic regression, and h_n' the h_n of other images of
    the batch. h_s goes with the description (second term), and h_n has nothing to do with it: the ratio that D finds
    between h and (h_s, h_n') is their total correlation (third term). Heads learn from h_s. As a method of its own
    F(x, y) is ρ before its logistic function.

    Fakes of a guided generator are charged the three terms, which trains A, B and ρ too; x̂ of a fake is held against
    the real feature that the fake restores, and fakes that restore none are charged the other two. (Public code has the
    rectifier at the end of x̂ too, compares with classes of the batch alone, lets β rise over the epochs, and trains D
    in every few steps.)

    Args:
        dims: sizes of θ(x) and φ(y).
        semantic_hidden: length of h_s, and of h_n, ≥ 1.
        relation_hidden: width of the hidden layers of ρ and of B ≥ 1.
        relation: γ ≥ 0.
        correlation: β ≥ 0.
        discriminator: δ > 0.
        lr: learning rate of Adam > 0.
        epochs: passes over the real features ≥ 1, where it is trained before the generator; None for as many as
            ``steps`` need.
        steps: ≥ 1, without ``epochs``.
        batch_size: features a step ≥ 1, where it is trained before the generator.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    learns_from_fakes = True

    def __init__(
        self,
        dims: Dimensions,
        semantic_hidden: int = 1024,
        relation_hidden: int = 2048,
        relation: float = 5.0,
        correlation: float = 0.003,
        discriminator: float = 0.3,
        lr: float = 1e-4,
        epochs: int | None = None,
        steps: int = 3000,
        batch_size: int = 64,
    ) -> None:
        super().__init__(dims)
        require_count(semantic_hidden=semantic_hidden, relation_hidden=relation_hidden)
        require_within(0, float("inf"), relation=relation, correlation=correlation)
        require_positive(discriminator=discriminator, lr=lr)
        require_count(batch_size=batch_size)
        hold_phi_scale(self, None)
        self.phi_scale: Tensor
        self.width = semantic_hidden
        self.relation, self.correlation, self.discriminator = relation, correlation, discriminator
        self.lr, self.batch_size = lr, batch_size
        self.train_for(epochs, steps)
        self.encoder = mlp(dims.features, 2 * semantic_hidden)
        self.decoder = mlp(2 * semantic_hidden, relation_hidden, dims.features)
        self.relate = mlp(semantic_hidden + dims.embedding, relation_hidden, 1)
        self.D = mlp(2 * semantic_hidden, 1)

    def encode(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n h"]:
        """Return h."""
        return leaky_relu(self.encoder(x), SLOPE)

    def represent(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n r"]:
        """Return h_s."""
        return self.encode(x)[:, : self.width]

    def compare(self, h: Float[Tensor, "n r"], phi: Float[Tensor, "s k"]) -> Float[Tensor, "n s"]:
        """Return ρ of every image and every class, before the logistic function."""
        return of_pairs(self.relate, h, self.phi_scale * phi, relu)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return ρ(h_s, φ(y)) before its logistic function."""
        return self.compare(self.represent(x), classes.embeddings)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the four terms for real features."""
        h = self.encode(batch.x)
        mixed = torch.cat([h[:, : self.width], h[torch.randperm(len(h), device=h.device), self.width :]], dim=1)
        told = softplus(-self.D(h.detach())).mean() + softplus(self.D(mixed.detach())).mean()
        return self._terms(h, batch.x, batch.y, batch.classes) + self.discriminator * told

    def charge(
        self,
        fake: Float[Tensor, "n d"],
        y: Int[Tensor, " n"],
        classes: LabelSpace,
        real: Float[Tensor, "n d"],
        restored: bool,
    ) -> Float[Tensor, ""]:
        """Return the first three terms for fakes, without the first where they restore nothing."""
        return self._terms(self.encode(fake), real if restored else None, y, classes)

    def configure_optimizers(self) -> Optimizer:
        """Return Adam."""
        return Adam(self.parameters(), self.lr, fused=True)

    def _terms(
        self, h: Float[Tensor, "n h"], x: Float[Tensor, "n d"] | None, y: Int[Tensor, " n"], classes: LabelSpace
    ) -> Float[Tensor, ""]:
        related = self.compare(h[:, : self.width], classes.embeddings).sigmoid()
        relation = mse_loss(related, is_own(y, len(classes)).to(related))
        ratio = linear(h, *(part.detach() for part in self.D.parameters())).mean()
        told: Tensor = self.relation * relation + self.correlation * ratio
        return told if x is None else mse_loss(self.decoder(h), x) + told
