"""f-CLSWGAN: a conditional Wasserstein GAN of features, held to what a classifier makes of them [Xian2018b]."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Adam, Optimizer

from zsl.data.scaling import require
from zsl.data.training_set import Batch, Draws, TrainingSet
from zsl.hyperparameters import require_count, require_positive, require_within
from zsl.methods.generative.critic import critic
from zsl.methods.generative.feature_generator import FeatureGenerator, Head
from zsl.methods.generative.networks import Generator, Output, require_reach
from zsl.methods.generative.softmax import Softmax
from zsl.methods.method import Dimensions, ZSLModel


class FCLSWGAN(FeatureGenerator):
    """min_G max_D  E D(x, φ) - E D(G(z, φ), φ) - λ E (‖∇D(x̂, φ)‖₂ - 1)²  +  β E -log P(y | G(z, φ))

    with z ~ N(0, I), x̂ on the line between a real and a fake feature of one class, and P a softmax classifier of the
    seen classes that was trained on real features before and stands still. One step is ``n_critic`` steps of D and one
    of G, both by Adam. With β = 0 it is the paper's f-WGAN.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        features_per_class: synthetic features of each unseen class ≥ 1.
        noise: length of z ≥ 1, or None for that of φ.
        hidden: width of G's hidden layer ≥ 1.
        critic_hidden: width of D's hidden layers ≥ 1.
        critic_layers: their number ≥ 1.
        phi_scale: c > 0; what the networks are told of a class is cφ, beside z, of length √(its dimension).
        output: what G ends with: ``"relu"``, ``"sigmoid"`` or ``"linear"``.
        lamb: λ > 0.
        beta: β ≥ 0.
        n_critic: steps of D for one of G ≥ 1.
        lr: learning rate > 0.
        epochs: as many times n / batch_size steps ≥ 1.
        batch_size: ≥ 1.
        classifier_lr: learning rate of P > 0.
        classifier_epochs: of P ≥ 1.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    def __init__(
        self,
        dims: Dimensions,
        head: Head = Softmax,
        features_per_class: int = 300,
        noise: int | None = None,
        hidden: int = 4096,
        critic_hidden: int = 4096,
        critic_layers: int = 1,
        phi_scale: float = 1.0,
        output: Output = "relu",
        lamb: float = 10.0,
        beta: float = 0.01,
        n_critic: int = 5,
        lr: float = 1e-4,
        epochs: int = 60,
        batch_size: int = 64,
        classifier_lr: float = 1e-3,
        classifier_epochs: int = 50,
    ) -> None:
        super().__init__(dims, head, features_per_class)
        noise = dims.embedding if noise is None else noise
        require_count(noise=noise, hidden=hidden, critic_hidden=critic_hidden, critic_layers=critic_layers)
        require_count(n_critic=n_critic, epochs=epochs, batch_size=batch_size, classifier_epochs=classifier_epochs)
        require_positive(phi_scale=phi_scale, lamb=lamb, lr=lr, classifier_lr=classifier_lr)
        require_within(0, math.inf, beta=beta)
        require(output, "method.output", ("relu", "sigmoid", "linear"))
        self.lamb, self.beta, self.n_critic = lamb, beta, n_critic
        self.lr, self.epochs, self.batch_size = lr, epochs, batch_size
        self.output: Output = output
        self.automatic_optimization = False
        self.generator = Generator(noise, dims.embedding, hidden, dims.features, output, phi_scale)
        self.critic = critic(dims.features, dims.embedding, critic_hidden, critic_layers, phi_scale)
        self.classifier = Softmax(dims, lr=classifier_lr, epochs=classifier_epochs, batch_size=100)

    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """G(z, φ)."""
        x: Tensor = self.generator(phi)
        return x

    def foundations(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """The classifier of real features of the seen classes, where it has a say."""
        if self.beta:
            yield self.classifier, train.of_seen_classes()

    def batches(self, train: TrainingSet, seed: int) -> Draws:
        """``n_critic`` batches a step.

        Raises:
            InputError: G ends with a sigmoid, and features do not lie in [0, 1].
        """
        require_reach(self.output, train.examples.inputs)
        return Draws(train, self.batch_size, self.n_critic, seed)

    def configure_optimizers(self) -> list[Optimizer]:
        """One for the critic, one for the generator."""
        betas = (0.5, 0.999)
        return [Adam(part.parameters(), self.lr, betas, fused=True) for part in (self.critic, self.generator)]

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Steps of both, by Lightning's manual optimisation."""
        critic_steps, generator_steps = self.optimizers()  # type: ignore[attr-defined]
        return self.descend(batch, critic_steps, generator_steps, self.manual_backward)

    def descend(
        self, batch: Batch, critic_steps: Any, generator_steps: Any, backward: Callable[..., None]
    ) -> dict[str, Tensor]:
        """``n_critic`` steps of D, all fakes drawn at once as G stands still meanwhile, and one of G."""
        x, y = batch.x, batch.y
        phi = batch.classes.embeddings[y]
        with torch.no_grad():
            fakes = self.generator(phi)
        alphas = torch.rand(*y.shape, 1, dtype=x.dtype, device=x.device)
        for real, fake, here, alpha in zip(x, fakes, phi, alphas, strict=True):
            losses = self.critic.losses(real, fake, here, alpha)
            loss = losses.distance + self.lamb * losses.penalty
            critic_steps.zero_grad()
            backward(loss)
            critic_steps.step()
        phi, y = phi[-1], y[-1]
        fake = self.generator(phi)
        generator_loss = -self.critic(fake, phi).mean()
        if self.beta:
            generator_loss = generator_loss + self.beta * self.classifier.risk(fake, y)
        generator_steps.zero_grad()
        backward(generator_loss, inputs=list(self.generator.parameters()))
        generator_steps.step()
        return {"loss": loss.detach(), "generator_loss": generator_loss.detach()}
