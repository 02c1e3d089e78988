"""TF-VAEGAN: f-VAEGAN with a decoder from features to descriptions, for feedback and for classifiers [Narayan2020]."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import torch
from jaxtyping import Float
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.optim import Adam, Optimizer

from zsl.hyperparameters import passes_on_to, require_flag, require_positive, require_within
from zsl.methods.generative.critic import Critic
from zsl.methods.generative.feature_generator import Head
from zsl.methods.generative.fvaegan_d2 import FVAEGAND2
from zsl.methods.generative.gaussian import Gaussian
from zsl.methods.generative.losses import semantic_misfit
from zsl.methods.generative.networks import SLOPE, Begin, mlp
from zsl.methods.generative.options import AdversarialOptions, VariationalKeys
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.method import Dimensions


class SemanticDecoder(nn.Module):
    """φ̂(x) = W₂h / ‖W₂h‖₂,   h(x) = λ(W₁x + b₁), with λ the leaky rectifier (and a bias b₂).

    Args:
        features: d.
        hidden: length of h.
        embedding: k, the length of φ.
    """

    def __init__(self, features: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.layers = mlp(features, hidden, embedding)

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Return φ̂(x)."""
        return self.read(self.hidden(x))

    def hidden(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n h"]:
        """Return h(x)."""
        h: Tensor = self.layers[1](self.layers[0](x))
        return h

    def read(self, h: Float[Tensor, "*n h"]) -> Float[Tensor, "*n k"]:
        """Return φ̂ of h."""
        return normalize(self.layers[2](h), dim=-1)

    def loss(self, x: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
        """Return R(φ̂(x), φ), as of :func:`.semantic_misfit`."""
        return semantic_misfit(self(x), phi)


class FeedbackKeys(VariationalKeys, total=False):
    """Hyperparameters of :class:`.FVAEGAND2` that are passed on to it."""

    transductive: bool


class TFVAEGAN(FVAEGAND2):
    """(objective of :class:`FVAEGAND2`)  +  ρ E R(G(z̃, φ), φ),   with a semantic decoder that minimises ρ E R(x, φ)

    In every second step, and in synthesis, G is corrected by feedback from the decoder on its first output x₀:

    G(z, φ) = r(W₂ (g + a F(h(x₀))) + b₂),   x₀ = r(W₂g + b₂),   g = λ(W₁ (z, φ) + b₁)

    with a = a₁ in training and a₂ afterwards, h(x₀) the decoder's hidden layer, and F two layers with leaky rectifiers
    that learn with G. Heads learn from (x, φ̂(x), h(x)). A step has ``n_critic`` steps of the decoder on the critic's
    batches before those of the critic, and one more on fakes of G's step unless ``freeze_dec``. (Public code takes the
    former in turn with the critic's, which makes a difference only to fakes with feedback; and corrects G in every
    second pass over the images, where two passes are one of its epochs.) λ is adaptive as of :class:`.FVAEGAND2`.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        begin: weights that G begins with, as of :class:`.AdversarialOptions`.
        adaptive: as of :class:`.FVAEGAND2`.
        epochs: as of :class:`.FVAEGAND2`.
        recons: ρ > 0.
        a1: a₁ ≥ 0.
        a2: a₂ ≥ 0.
        feed_lr: learning rate of F > 0.
        dec_lr: learning rate of the decoder > 0.
        freeze_dec: train the decoder on real features alone.
        adversarial: all other hyperparameters of :class:`.FVAEGAND2`; ``hidden`` is also the width of the decoder and
            of F, and φ̂ is not scaled by ``phi_scale``.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    afterwards: ClassVar[tuple[str, ...]] = (*FVAEGAND2.afterwards, "a2")

    @passes_on_to(FVAEGAND2)
    def __init__(
        self,
        dims: Dimensions,
        head: Head = Prototypes,
        begin: Begin = "regression",
        adaptive: bool = True,
        epochs: int | None = None,
        recons: float = 0.01,
        a1: float = 1.0,
        a2: float = 1.0,
        feed_lr: float = 1e-5,
        dec_lr: float = 1e-4,
        freeze_dec: bool = False,
        **adversarial: Unpack[FeedbackKeys],
    ) -> None:
        super().__init__(dims, head, begin=begin, adaptive=adaptive, epochs=epochs, **adversarial)
        require_flag(freeze_dec=freeze_dec)
        require_positive(recons=recons, feed_lr=feed_lr, dec_lr=dec_lr)
        require_within(0, float("inf"), a1=a1, a2=a2)
        self.recons, self.a1, self.a2 = recons, a1, a2
        self.corrects = False
        self.feed_lr, self.dec_lr, self.freeze_dec = feed_lr, dec_lr, freeze_dec
        self.decoder = SemanticDecoder(dims.features, self.hidden, dims.embedding)
        self.feedback = nn.Sequential(mlp(self.hidden, self.hidden, self.hidden), nn.LeakyReLU(SLOPE))

    def beside(self, dims: Dimensions, options: AdversarialOptions) -> int:
        """Return the length of (φ̂(x), h(x))."""
        return dims.embedding + options.hidden

    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Return G(z, φ) with feedback, z ~ N(0, I)."""
        return self._corrected(phi, self.generator.draw(phi), self.a2)

    def generate(self, phi: Float[Tensor, "*n k"], z: Float[Tensor, "*n z"]) -> Float[Tensor, "*n d"]:
        """Return G(z, φ), in every second step with feedback."""
        return self._corrected(phi, z, self.a1) if self.corrects else super().generate(phi, z)

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        """Make the steps of f-VAEGAN, in every second step with feedback."""
        self.corrects = bool((self.current_epoch + batch_idx) % 2)
        return super().training_step(batch, batch_idx)

    def represent(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n r"]:
        """Return (x, φ̂(x), h(x))."""
        h = self.decoder.hidden(x)
        return torch.cat([super().represent(x), self.decoder.read(h), h], dim=-1)

    def configure_optimizers(self) -> list[Optimizer]:
        """Return the optimizers of f-VAEGAN, the first with F in addition, and Adam for the decoder."""
        betas, optimizers = (0.5, 0.999), super().configure_optimizers()
        optimizers[0].add_param_group({"params": list(self.feedback.parameters()), "lr": self.feed_lr, "betas": betas})
        return [*optimizers, Adam(self.decoder.parameters(), self.dec_lr, betas, fused=True)]

    def train_critics(self, batch: Any, phi: Float[Tensor, "several n k"], posterior: Gaussian) -> Float[Tensor, ""]:
        """Make steps of the decoder on real features, then those of the critics."""
        descend = self.optimizers()[-1]  # type: ignore[index]
        for x, here in zip(batch.x, phi, strict=True):
            descend.zero_grad()
            self.manual_backward(self.recons * self.decoder.loss(x, here))
            descend.step()
        return super().train_critics(batch, phi, posterior)

    def learning(self) -> list[nn.Module]:
        """Return encoder, generator and F, and the decoder unless ``freeze_dec``."""
        return [*super().learning(), self.feedback, *([] if self.freeze_dec else [self.decoder])]

    def learners(self) -> list[LightningOptimizer]:
        """Return the optimizers of :meth:`learning`."""
        own: list[LightningOptimizer] = [] if self.freeze_dec else [self.optimizers()[-1]]  # type: ignore[index]
        return super().learners() + own

    def fake_loss(self, critic: Critic, fake: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Tensor:
        """Return -γ E D(x̃, φ) + ρ E R(x̃, φ)."""
        return super().fake_loss(critic, fake, phi) + self.recons * self.decoder.loss(fake, phi)

    def _corrected(self, phi: Float[Tensor, "*n k"], z: Float[Tensor, "*n z"], a: float) -> Float[Tensor, "*n d"]:
        """Return G(z, φ) after feedback of weight a."""
        g = self.generator.hidden(phi, z)
        with torch.no_grad():
            h = self.decoder.hidden(self.generator.from_hidden(g))
        return self.generator.from_hidden(g + a * self.feedback(h))
