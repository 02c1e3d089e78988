"""f-VAEGAN-D2: a variational autoencoder of features whose decoder is the generator of a Wasserstein GAN [Xian2019]."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from jaxtyping import Float
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zsl.data.training_set import Setting, TransductiveBatch
from zsl.hyperparameters import passes_on_to, require_flag, require_positive, require_within
from zsl.methods.generative.critic import Critic
from zsl.methods.generative.feature_generator import Head
from zsl.methods.generative.gaussian import Gaussian
from zsl.methods.generative.networks import Output
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.generative.wasserstein import AdversarialGenerator, AdversarialKeys, AdversarialOptions
from zsl.methods.method import Dimensions

LOOSE, TIGHT, STEP = 1.05, 1.001, 1.1
"""an adaptive λ grows by the factor ``STEP`` where the penalty is above ``LOOSE``, and shrinks where below ``TIGHT``"""


class VariationalKeys(AdversarialKeys, total=False):
    """Hyperparameters of :class:`FVAEGAND2` that TF-VAEGAN passes on to it."""

    output: Output
    encoded_noise: bool
    gamma: float
    transductive: bool


class FVAEGAND2(AdversarialGenerator):
    """min_{E,G} max_D  E -log p(x | G(z, φ)) + KL(E(x, φ) ‖ N(0, I)) + γ W,   z ~ E(x, φ)

    W = E D(x, φ) - E D(G(z̃, φ), φ) - λ E (‖∇D(x̂, φ)‖₂ - 1)²,   z̃ ~ N(0, I)

    with E(x, φ) a Gaussian of diagonal covariance and x̂ on the line between a real and a fake feature of one class.
    p(x | x̂) is Bernoulli, feature by feature, where G ends with a sigmoid and features lie in [0, 1] (the cross-entropy
    of public code), and N(x̂, I) where it does not (half the squared error). With ``encoded_noise`` z̃ ~ E(x, φ) instead
    [Narayan2020]. One step is ``n_critic`` steps of D and one of E and G together, all by Adam, to which γ makes no
    difference in the former.

    ``transductive`` adds γ W₂, with an unconditional critic D₂ of as many layers as D:

    W₂ = E D₂(x) - E D₂(G(z, φ)) - λ₂ E (‖∇D₂(x̂)‖₂ - 1)²,   z ~ N(0, I)

    where x are unlabelled images of the unseen classes, and φ those of the unseen classes, each as often: public code
    takes each as often as the class has images, which needs their labels. λ₂ is λ where these are fixed. Where they
    are adaptive, each follows the penalty of its own critic, as in public code: one λ that followed the mean penalty
    would not change while the two penalties are off in opposite directions.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        output: last function of G, as of :class:`.AdversarialOptions`.
        encoded_noise: make fakes from encoded features, not from noise alone.
        adaptive: let λ and λ₂ follow the mean penalties of a block of critic steps, as in the code of [Narayan2020];
            ``lamb`` is where both start.
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
        encoded_noise: bool = True,
        adaptive: bool = False,
        gamma: float = 10.0,
        epochs: int | None = None,
        transductive: bool = False,
        **adversarial: Unpack[AdversarialKeys],
    ) -> None:
        options = AdversarialOptions(output=output, epochs=epochs, **adversarial)
        super().__init__(dims, head, options)
        require_flag(encoded_noise=encoded_noise, adaptive=adaptive, transductive=transductive)
        require_within(0, float("inf"), gamma=gamma)
        if transductive:
            require_positive(gamma=gamma)
        self.encoded_noise, self.adaptive, self.gamma = encoded_noise, adaptive, gamma
        self.encoder = options.encoder(dims)
        self.generator = options.generator(dims)
        self.critic = options.critic(dims)
        self.unconditional = options.unconditional_critic(dims) if transductive else None
        self.register_buffer("lamb", torch.tensor(float(options.lamb)))
        self.lamb: Tensor
        if transductive:
            self.setting = Setting.TRANSDUCTIVE  # type: ignore[misc]
            self.register_buffer("lamb_unconditional", torch.tensor(float(options.lamb)))
        self.lamb_unconditional: Tensor

    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Return G(z, φ), z ~ N(0, I)."""
        return self.generate(phi, self.generator.draw(phi))

    def generate(self, phi: Float[Tensor, "*n k"], z: Float[Tensor, "*n z"]) -> Float[Tensor, "*n d"]:
        """Return G(z, φ)."""
        x: Tensor = self.generator(phi, z)
        return x

    def configure_optimizers(self) -> list[Optimizer]:
        """Return Adam for encoder and generator, Adam for each critic, and the optimizer of a space that guides."""
        betas = (0.5, 0.999)
        decoding = {"params": list(self.generator.parameters()), "betas": betas}
        coding = {"params": list(self.encoder.parameters()), "betas": (0.9, 0.999)}
        critics = [part for part in (self.critic, self.unconditional) if part is not None]
        return [
            Adam([decoding, coding], self.lr, fused=True),
            *(Adam(part.parameters(), self.lr, betas, fused=True) for part in critics),
            *self.guide(),
        ]

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
        loss = self._train(self.critic, 1, self.lamb, batch.x, fakes, phi)
        if self.unconditional is not None:
            images = batch.unlabelled
            real = images[torch.randint(len(images), batch.y.shape, device=images.device)]
            phi = self._unseen(batch, batch.y.shape)
            with torch.no_grad():
                fakes = self.generate(phi, self.generator.draw(phi))
            self._train(self.unconditional, 2, self.lamb_unconditional, real, fakes, phi[..., :0])
        return loss

    def _train(
        self,
        critic: Critic,
        optimizer: int,
        lamb: Float[Tensor, ""],
        real: Float[Tensor, "several n d"],
        fakes: Float[Tensor, "several n d"],
        phi: Float[Tensor, "several n k"],
    ) -> Float[Tensor, ""]:
        """Make a step of ``critic`` for each batch, then one of an adaptive λ; return the last loss."""
        descend = self.optimizers()[optimizer]  # type: ignore[index]
        alphas = torch.rand(*real.shape[:-1], 1, dtype=real.dtype, device=real.device)
        penalties = []
        for x, fake, here, alpha in zip(real, fakes, phi, alphas, strict=True):
            losses = critic.losses(x, fake, here, alpha)
            loss = losses.distance + lamb * losses.penalty
            descend.zero_grad()
            self.manual_backward(loss)
            descend.step()
            penalties.append(losses.penalty.detach())
        if self.adaptive:
            penalty = torch.stack(penalties).mean()
            up, down = (penalty > LOOSE).to(lamb), (penalty < TIGHT).to(lamb)
            lamb.mul_(STEP ** (up - down))
        return loss.detach()

    def generator_loss(self, batch: Any, phi: Float[Tensor, "n k"], posterior: Gaussian) -> Tensor:
        """Return the loss of encoder and generator."""
        z = posterior.draw()
        if self.encoded_noise:
            rebuilt = fake = self.generate(phi, z)
        else:
            both = torch.cat([z, self.generator.draw(phi)])
            rebuilt, fake = self.generate(torch.cat([phi, phi]), both).chunk(2)
        loss: Tensor = self.misfit(rebuilt, batch.x[-1]) + posterior.divergence().mean()
        loss = loss + self.fake_loss(self.critic, fake, phi) + self.charge(fake, batch)
        if self.unconditional is not None:
            phi = self._unseen(batch, fake.shape[:-1])
            loss = loss + self.fake_loss(self.unconditional, self.generate(phi, self.generator.draw(phi)), phi)
        return loss

    def fake_loss(self, critic: Critic, fake: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Tensor:
        """Return -γ E D(x̃, φ), or -γ E D₂(x̃) of the unconditional critic."""
        loss: Tensor = -self.gamma * critic(fake, phi if critic is self.critic else phi[:, :0]).mean()
        return loss

    def _unseen(self, batch: TransductiveBatch, shape: torch.Size) -> Float[Tensor, "*shape k"]:
        """Return φ of unseen classes, drawn uniformly."""
        phi = batch.unseen.embeddings
        return phi[torch.randint(len(phi), shape, device=phi.device)]

    def _noise(
        self, x: Float[Tensor, "several n d"], phi: Float[Tensor, "several n k"], of_last: Gaussian
    ) -> Float[Tensor, "several n z"]:
        """Return z̃ for the critic's batches, with the posterior ``of_last`` for the last of them."""
        if not self.encoded_noise:
            return self.generator.draw(phi)
        before = self.encoder(x[:-1], phi[:-1])
        both = zip(before, of_last, strict=True)
        return Gaussian(*(torch.cat([a, b.unsqueeze(0)]) for a, b in both)).draw()
