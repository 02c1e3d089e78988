"""f-VAEGAN-D2: a variational autoencoder of features whose decoder is the generator of a Wasserstein GAN [Xian2019]."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from jaxtyping import Float
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zsl.hyperparameters import passes_on_to, require_flag, require_positive, require_within
from zsl.methods.generative.critic import Critic
from zsl.methods.generative.critic_steps import adapt, train_critic
from zsl.methods.generative.feature_generator import Head
from zsl.methods.generative.gaussian import Gaussian
from zsl.methods.generative.networks import Begin, Output
from zsl.methods.generative.options import AdversarialKeys, AdversarialOptions
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.generative.transductive import TransductiveGenerator
from zsl.methods.method import Dimensions


class FVAEGAND2(TransductiveGenerator):
    """min_{E,G} max_D  E -log p(x | G(z, φ)) + KL(E(x, φ) ‖ N(0, I)) + γ W,   z ~ E(x, φ)

    W = E D(x, φ) - E D(G(z̃, φ), φ) - λ E (‖∇D(x̂, φ)‖₂ - 1)²,   z̃ ~ N(0, I)

    with E(x, φ) a Gaussian of diagonal covariance and x̂ on the line between a real and a fake feature of one class.
    p(x | x̂) is Bernoulli, feature by feature, where G ends with a sigmoid and features lie in [0, 1] (the cross-entropy
    of public code), and N(x̂, I) where it does not (half the squared error). With ``encoded_noise`` z̃ ~ E(x, φ) instead
    [Narayan2020]. One step is ``n_critic`` steps of D and one of E and G together, all by Adam, to which γ makes no
    difference in the former.

    ``transductive`` adds γ W₂ of :class:`.TransductiveGenerator`, with an unconditional critic of as many layers as D.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        output: last function of G, as of :class:`.AdversarialOptions`.
        begin: weights that G begins with, as of :class:`.AdversarialOptions`.
        encoded_noise: make fakes from encoded features, not from noise alone.
        adaptive: let λ and λ₂ follow the mean penalties of a block of critic steps, as in the code of [Narayan2020];
            ``lamb`` is where both start, and they become no smaller than a tenth of it.
        gamma: γ ≥ 0; with 0 it is a variational autoencoder, and no critic is trained.
        epochs: passes ≥ 1 or None, as of :class:`.AdversarialOptions`.
        transductive: learn from unlabelled images of the unseen classes too; the setting says so.
        adversarial: all other hyperparameters of :class:`.AdversarialOptions`.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    @passes_on_to(AdversarialOptions)
    def __init__(
        self,
        dims: Dimensions,
        head: Head = Prototypes,
        output: Output = "auto",
        begin: Begin = "random",
        encoded_noise: bool = True,
        adaptive: bool = False,
        gamma: float = 10.0,
        epochs: int | None = None,
        transductive: bool = False,
        **adversarial: Unpack[AdversarialKeys],
    ) -> None:
        options = AdversarialOptions(output=output, begin=begin, epochs=epochs, **adversarial)
        super().__init__(dims, head, options)
        require_flag(encoded_noise=encoded_noise, adaptive=adaptive, transductive=transductive)
        require_within(0, float("inf"), gamma=gamma)
        if transductive:
            require_positive(gamma=gamma)
        self.encoded_noise, self.adaptive, self.gamma = encoded_noise, adaptive, gamma
        self.encoder = options.encoder(dims)
        self.generator = options.generator(dims)
        self.critic = options.critic(dims)
        self.register_buffer("lamb", torch.tensor(float(options.lamb)))
        self.lamb: Tensor
        if transductive:
            self.make_transductive(options.unconditional_critic(dims), options.lamb)

    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Return G(z, φ), z ~ N(0, I)."""
        return self.generate(phi, self.generator.draw(phi))

    def generate(self, phi: Float[Tensor, "*n k"], z: Float[Tensor, "*n z"]) -> Float[Tensor, "*n d"]:
        """Return G(z, φ)."""
        x: Tensor = self.generator(phi, z)
        return x

    def configure_optimizers(self) -> list[Optimizer]:
        """Return Adam for encoder and generator, Adam for each critic, and the optimizer of a space that guides."""
        critics = [part for part in (self.critic, self.unconditional) if part is not None]
        judging = (Adam(part.parameters(), self.lr, (0.5, 0.999), fused=True) for part in critics)
        return [self.coding(self.encoder, self.generator), *judging, *self.guide()]

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Make steps of the critics, then one of encoder and generator on the last of the batches.

        Steps of critics do not change encoder and generator, so that all fakes are drawn at once, and the last batch
        is encoded once for both.
        """
        phi = batch.classes.embeddings[batch.y]
        posterior = self.encoder(batch.x[-1], phi[-1])
        loss = self.train_critics(batch, phi, posterior)
        generator_loss = self.generator_loss(batch, phi[-1], posterior)
        own = self.learning(), self.learners()
        self.learn_from_fakes(generator_loss, *own, self._space_steps, self.manual_backward)
        return {"loss": loss, "generator_loss": generator_loss.detach()}

    def learning(self) -> list[nn.Module]:
        """Return the parts that are trained by the generator's loss."""
        return [self.encoder, self.generator]

    def learners(self) -> list[LightningOptimizer]:
        """Return the optimizers of :meth:`learning`."""
        return [self.optimizers()[0]]  # type: ignore[index]

    @property
    def _space_steps(self) -> list[LightningOptimizer]:
        place = 2 + (self.unconditional is not None)
        return [self.optimizers()[place]] if self.guidance else []  # type: ignore[index]

    def train_critics(self, batch: Any, phi: Float[Tensor, "several n k"], posterior: Gaussian) -> Float[Tensor, ""]:
        """Make the steps of a space that guides, and of every critic, and return the last loss of D."""
        for steps in self._space_steps:
            self.train_space(batch, steps, self.manual_backward)
        if not self.gamma:
            return torch.zeros_like(self.lamb)
        with torch.no_grad():
            fakes = self.generate(phi, self._noise(batch.x, phi, posterior))
        parts, backward = self.optimizers(), self.manual_backward
        loss, penalty = train_critic(self.critic, parts[1], self.lamb, batch.x, fakes, phi, backward)  # type: ignore[index]
        if self.adaptive:
            adapt(self.lamb, penalty, self.first_lamb)
        if self.unconditional is not None:
            self.train_unconditional(batch, parts[2], backward)  # type: ignore[index]
        return loss

    def generator_loss(self, batch: Any, phi: Float[Tensor, "n k"], posterior: Gaussian) -> Tensor:
        """Return the loss of encoder and generator."""
        z = posterior.draw()
        if self.encoded_noise:
            rebuilt = fake = self.generate(phi, z)
        else:
            both = torch.cat([z, self.generator.draw(phi)])
            rebuilt, fake = self.generate(torch.cat([phi, phi]), both).chunk(2)
        loss: Tensor = self.misfit(rebuilt, batch.x[-1]) + posterior.divergence().mean()
        loss = loss + self.fake_loss(self.critic, fake, phi) + self.charge(fake, batch, restored=self.encoded_noise)
        if self.unconditional is not None:
            loss = loss + self.fake_loss(self.unconditional, *self.unseen_fakes(batch, fake.shape[:-1]))
        return loss

    def fake_loss(self, critic: Critic, fake: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Tensor:
        """Return -γ E D(x̃, φ), or -γ E D₂(x̃) of the unconditional critic."""
        if not self.gamma:
            return fake.new_zeros(())
        loss: Tensor = -self.gamma * critic(fake, phi if critic is self.critic else phi[:, :0]).mean()
        return loss

    def _noise(
        self, x: Float[Tensor, "several n d"], phi: Float[Tensor, "several n k"], of_last: Gaussian
    ) -> Float[Tensor, "several n z"]:
        """Return z̃ for the critic's batches, with the posterior ``of_last`` for the last of them."""
        if not self.encoded_noise:
            return self.generator.draw(phi)
        before = self.encoder(x[:-1], phi[:-1])
        both = zip(before, of_last, strict=True)
        return Gaussian(*(torch.cat([a, b.unsqueeze(0)]) for a, b in both)).draw()
