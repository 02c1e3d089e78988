"""Bi-VAEGAN: transductive f-VAEGAN with a regressor aligned in both directions, and a class prior [Wang2023]."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize
from torch.optim import Adam, Optimizer

from zsl.data.training_set import Setting, TransductiveBatch
from zsl.hyperparameters import passes_on_to, require_count, require_flag, require_positive, require_within
from zsl.methods.generative.critic import Critic, critic
from zsl.methods.generative.feature_generator import Head
from zsl.methods.generative.fvaegan_d2 import FVAEGAND2
from zsl.methods.generative.losses import semantic_misfit
from zsl.methods.generative.networks import Begin
from zsl.methods.generative.options import AdversarialOptions, VariationalKeys
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.generative.tf_vaegan import SemanticDecoder
from zsl.methods.method import Dimensions

ROUNDS, MADE, PARTS = 10, 20, 10
"""rounds of the clustering that estimates the prior, synthetic features of each class for its first centres, and parts
of the first epoch"""


class BiVAEGAN(FVAEGAND2):
    """(transductive objective of :class:`.FVAEGAND2`)  +  β E R(φ̂(G(z, φ)), φ),   φ of unseen classes

    min_φ̂ max_D  E R(φ̂(x), φ)  +  α (E D(φ) - E D(φ̂(x)) - λ E (‖∇D‖₂ - 1)²)

    with φ̂ a regressor from features to descriptions of length 1, R as of :func:`.semantic_misfit` over seen classes,
    and D a critic of descriptions of length 1, those of seen and unseen classes, on real images of both (the loss of φ̂
    has the sum of the two means): the unlabelled images are brought to where the descriptions of unseen classes are,
    and fakes to where these images are. Each step makes one step of D and of φ̂ on the last batch, before those of
    f-VAEGAN (public code: 3 and 5 in every fifth step).

    Descriptions of unseen classes are drawn by p(y), which is uniform at first, and with ``estimate_prior`` estimated
    at the start of every further tenth of the first epoch and of every further epoch: the unlabelled images are
    clustered around the means of synthetic features, and p(y) is the share of the cluster of y, each with one image
    more. Heads learn from (x, φ̂(x), h(x)), h the regressor's hidden layer. G of the paper ends with features of fixed
    length; here it has ``output``.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        output: as of :class:`.FVAEGAND2`.
        begin: weights that G begins with, as of :class:`.AdversarialOptions`.
        adaptive: as of :class:`.FVAEGAND2`.
        epochs: as of :class:`.FVAEGAND2`.
        beta: β ≥ 0.
        alpha: α ≥ 0.
        lamb_phi: λ > 0.
        phi_critic_hidden: width of D's hidden layer ≥ 1.
        estimate_prior: estimate p(y), else it stays uniform.
        adversarial: all other hyperparameters of :class:`.FVAEGAND2`; ``hidden`` is also the width of the regressor,
            and φ̂ is not scaled by ``phi_scale``.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    setting = Setting.TRANSDUCTIVE

    @passes_on_to(FVAEGAND2)
    def __init__(
        self,
        dims: Dimensions,
        head: Head = Prototypes,
        begin: Begin = "random",
        adaptive: bool = True,
        epochs: int | None = None,
        beta: float = 10.0,
        alpha: float = 0.1,
        lamb_phi: float = 0.1,
        phi_critic_hidden: int = 100,
        estimate_prior: bool = True,
        **adversarial: Unpack[VariationalKeys],
    ) -> None:
        super().__init__(dims, head, begin=begin, adaptive=adaptive, epochs=epochs, transductive=True, **adversarial)
        require_within(0, float("inf"), beta=beta, alpha=alpha)
        require_positive(lamb_phi=lamb_phi)
        require_count(phi_critic_hidden=phi_critic_hidden)
        require_flag(estimate_prior=estimate_prior)
        self.beta, self.alpha, self.lamb_phi, self.estimate_prior = beta, alpha, lamb_phi, estimate_prior
        self.regressor = SemanticDecoder(dims.features, self.hidden, dims.embedding)
        self.phi_critic = critic(dims.embedding, 0, phi_critic_hidden)
        self.register_buffer("prior", torch.full((dims.unseen,), 1 / max(dims.unseen, 1)))
        self.prior: Tensor

    def beside(self, dims: Dimensions, options: AdversarialOptions) -> int:
        """Return the length of (φ̂(x), h(x))."""
        return dims.embedding + options.hidden

    def represent(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n r"]:
        """Return (x, φ̂(x), h(x)), with x as the space has it."""
        h = self.regressor.hidden(x)
        return torch.cat([super().represent(x), self.regressor.read(h), h], dim=-1)

    def configure_optimizers(self) -> list[Optimizer]:
        """Return the optimizers of f-VAEGAN, Adam for the regressor, and Adam for the critic of descriptions."""
        parts = (self.regressor, self.phi_critic)
        own = [Adam(part.parameters(), self.lr, (0.5, 0.999), fused=True) for part in parts]
        return [*super().configure_optimizers(), *own]

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        """Make a step of the critic of descriptions, one of the regressor, and those of f-VAEGAN."""
        if self.estimate_prior and self.current_epoch + batch_idx > 0 and batch_idx % self._period() == 0:
            self.prior.copy_(self.shares(batch.unlabelled, batch.unseen.embeddings))
        self.train_regressor(batch)
        return super().training_step(batch, batch_idx)

    def _period(self) -> int:
        """Return after how many steps of an epoch the prior is estimated again."""
        return -(-int(self.trainer.num_training_batches) // (1 if self.current_epoch else PARTS))

    def train_regressor(self, batch: TransductiveBatch) -> None:
        """Make a step of the critic of descriptions, and one of the regressor, on the last batch."""
        descend, descend_critic = self.optimizers()[-2:]  # type: ignore[index]
        x, phi = batch.x[-1], batch.classes.embeddings[batch.y[-1]]
        images = batch.unlabelled[torch.randint(len(batch.unlabelled), (len(x),), device=x.device)]
        real = normalize(torch.cat([phi, self.draw_unseen(batch, phi.shape[:1])]), dim=1)
        found = self.regressor(torch.cat([x, images]))
        alpha = torch.rand(len(real), 1, dtype=x.dtype, device=x.device)
        losses = self.phi_critic.losses(real, found.detach(), real[:, :0], alpha)
        descend_critic.zero_grad()
        self.manual_backward(losses.distance + self.lamb_phi * losses.penalty)
        descend_critic.step()
        of_seen, of_unseen = self.phi_critic(found, real[:, :0]).chunk(2)
        loss = semantic_misfit(found[: len(x)], phi) - self.alpha * (of_seen.mean() + of_unseen.mean())
        descend.zero_grad()
        self.manual_backward(loss, inputs=list(self.regressor.parameters()))
        descend.step()

    def fake_loss(self, critic: Critic, fake: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Tensor:
        """Return -γ E D(x̃, φ), and for unseen classes -γ E D₂(x̃) + β E R(φ̂(x̃), φ)."""
        loss = super().fake_loss(critic, fake, phi)
        return loss + self.beta * self.regressor.loss(fake, phi) if critic is self.unconditional else loss

    @torch.no_grad()
    def shares(self, x: Float[Tensor, "m d"], phi: Float[Tensor, "u k"]) -> Float[Tensor, " u"]:
        """Return p(y) of unlabelled images: the shares of clusters that begin at the means of synthetic features."""
        rows = self.represent(x).to(x.dtype)
        made = self.represent(self.synthesize(phi.repeat(MADE, 1))).to(x.dtype)
        centres, ones = made.view(MADE, len(phi), -1).mean(dim=0), torch.ones_like(x[:, 0])
        for _ in range(ROUNDS):
            at = torch.cdist(rows, centres).argmin(dim=1)
            counts = torch.zeros_like(phi[:, 0]).index_add_(0, at, ones)
            sums = torch.zeros_like(centres).index_add_(0, at, rows)
            centres = torch.where(counts.unsqueeze(1) > 0, sums / counts.clamp_min(1).unsqueeze(1), centres)
        return (counts + 1) / (counts + 1).sum()

    def draw_unseen(self, batch: TransductiveBatch, shape: torch.Size) -> Float[Tensor, "*shape k"]:
        """Return φ of unseen classes, drawn by p(y)."""
        phi = batch.unseen.embeddings
        drawn: Int[Tensor, "*shape"] = torch.searchsorted(
            self.prior.cumsum(0), torch.rand(shape, device=phi.device, dtype=self.prior.dtype), right=True
        )
        return phi[drawn.clamp_max(len(phi) - 1)]
