"""The feature refinement of FREE: a space with class centres that foretells the description of a class [Chen2021]."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, normalize
from torch.optim import Adam, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch
from zsl.hyperparameters import require_count, require_flag, require_positive, require_within
from zsl.methods.generative.losses import centre_margin, semantic_misfit
from zsl.methods.generative.networks import SLOPE, mlp
from zsl.methods.generative.space import Space
from zsl.methods.method import Dimensions


class Refinement(Space):
    """min_{FR, c}  ω E [Δ + γ‖μ - c_y‖² - (1 - γ)‖μ - c_y'‖²]₊  +  ρ E R(φ̂, φ(y)),   φ̂ = e / ‖e‖₂,   e ~ N(μ, diag σ²)

    over real features of seen classes, with (μ, s) = W₂h + b₂, σ the logistic function of s, h = λ(W₁x + b₁), λ the
    leaky rectifier, c a learned centre for each seen class, and R as of :func:`.semantic_misfit`. The first term is the
    self-adaptive margin centre loss: y' is a random other class, for classes that are much alike, or the ``nearest``
    other, for classes that are not. Heads learn from (x, h, μ / ‖μ‖₂). Fakes of a guided generator are charged
    E R(φ̂, φ), the semantic cycle, which trains FR too. As a method of its own F(x, y) is the cosine of μ and φ(y).

    (Public code takes the logistic function of e for φ̂, which a description with negative numbers cannot equal.)

    Args:
        dims: sizes of θ(x) and φ(y), number of seen classes.
        hidden: length of h ≥ 1.
        margin: Δ ≥ 0.
        balance: γ in [0, 1).
        centre: ω ≥ 0.
        recons: ρ > 0.
        nearest: compare with the nearest other class.
        lr: learning rate of Adam for FR and centres > 0.
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
        hidden: int = 4096,
        margin: float = 200.0,
        balance: float = 0.8,
        centre: float = 0.5,
        recons: float = 0.001,
        nearest: bool = False,
        lr: float = 1e-4,
        epochs: int | None = None,
        steps: int = 3000,
        batch_size: int = 64,
    ) -> None:
        super().__init__(dims)
        require_count(hidden=hidden, batch_size=batch_size)
        require_within(0, float("inf"), margin=margin, centre=centre)
        require_within(0, 1, balance=balance)
        require_positive(recons=recons, lr=lr)
        require_flag(nearest=nearest)
        self.width = dims.features + hidden + dims.embedding
        self.margin, self.balance, self.centre, self.recons, self.nearest = margin, balance, centre, recons, nearest
        self.lr, self.batch_size = lr, batch_size
        self.train_for(epochs, steps)
        self.layers = mlp(dims.features, hidden, 2 * dims.embedding)
        self.centres = nn.Parameter(torch.randn(dims.seen, dims.embedding))

    def hidden(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n h"]:
        """Return h."""
        return leaky_relu(self.layers[0](x), SLOPE)

    def read(self, h: Float[Tensor, "n h"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        """Return μ and σ."""
        mu, s = self.layers[2](h).chunk(2, dim=1)
        return mu, s.sigmoid()

    def represent(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n r"]:
        """Return (x, h, μ / ‖μ‖₂)."""
        h = self.hidden(x)
        return torch.cat([x, h, normalize(self.read(h)[0], dim=1)], dim=1)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return cos(μ, φ(y))."""
        return normalize(self.read(self.hidden(x))[0], dim=1) @ normalize(classes.embeddings, dim=1).T

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the two terms for real features."""
        mu, sigma = self.read(self.hidden(batch.x))
        near = centre_margin(mu, batch.y, self.centres, self.margin, self.balance, self.nearest)
        return self.centre * near + self.recons * _cycle(mu, sigma, batch.classes.embeddings[batch.y])

    def charge(
        self,
        fake: Float[Tensor, "n d"],
        y: Int[Tensor, " n"],
        classes: LabelSpace,
        real: Float[Tensor, "n d"],  # noqa: ARG002
        restored: bool,  # noqa: ARG002
    ) -> Float[Tensor, ""]:
        """Return E R(φ̂, φ) of fakes."""
        return _cycle(*self.read(self.hidden(fake)), classes.embeddings[y])

    def configure_optimizers(self) -> Optimizer:
        """Return Adam."""
        return Adam(self.parameters(), self.lr, (0.5, 0.999), fused=True)


def _cycle(mu: Float[Tensor, "n k"], sigma: Float[Tensor, "n k"], phi: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    return semantic_misfit(normalize(mu + sigma * torch.randn_like(mu), dim=1), phi)
