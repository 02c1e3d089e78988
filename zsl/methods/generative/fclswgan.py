"""f-CLSWGAN: a conditional Wasserstein GAN of features with a classification loss [Xian2018b]."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Adam, Optimizer

from zsl.data.training_set import Batch, TrainingSet
from zsl.hyperparameters import passes, passes_on_to, require_count, require_positive, require_within
from zsl.methods.generative.critic_steps import train_critic
from zsl.methods.generative.feature_generator import Head
from zsl.methods.generative.networks import Begin, Output
from zsl.methods.generative.options import AdversarialKeys, AdversarialOptions
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.generative.softmax import Softmax
from zsl.methods.generative.wasserstein import AdversarialGenerator
from zsl.methods.method import Dimensions, ZSLModel

CLASSIFIER_BATCH, CLASSIFIER_PASSES, CLASSIFIER_STEPS = 100, 50, 5000
"""images a step of P; most passes and most steps of P where passes are not given"""


class ClassifierKeys(AdversarialKeys, total=False):
    """Hyperparameters of :class:`FCLSWGAN` that LisGAN passes on to it."""

    output: Output
    begin: Begin
    beta: float
    classifier_lr: float
    classifier_epochs: int | None


class FCLSWGAN(AdversarialGenerator):
    """min_G max_D  E D(x, φ) - E D(G(z, φ), φ) - λ E (‖∇D(x̂, φ)‖₂ - 1)²  +  β E -log P(y | G(z, φ))

    with z ~ N(0, I), x̂ on the line between a real and a fake feature of one class, and P a softmax classifier of the
    seen classes that was trained on real features before and is frozen. One step is ``n_critic`` steps of D and one
    of G, both by Adam. With β = 0 it is the paper's f-WGAN.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        output: last function of G, as of :class:`.AdversarialOptions`.
        begin: weights that G begins with, as of :class:`.AdversarialOptions`.
        beta: β ≥ 0.
        epochs: passes ≥ 1 or None, as of :class:`.AdversarialOptions`.
        classifier_lr: learning rate of P > 0.
        classifier_epochs: passes of P over the real features ≥ 1, or None for 50, or 5,000 steps where that is less.
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
        begin: Begin = "regression",
        beta: float = 1.0,
        epochs: int | None = None,
        classifier_lr: float = 1e-3,
        classifier_epochs: int | None = None,
        **adversarial: Unpack[AdversarialKeys],
    ) -> None:
        options = AdversarialOptions(output=output, begin=begin, epochs=epochs, **adversarial)
        super().__init__(dims, head, options)
        require_within(0, math.inf, beta=beta)
        require_positive(classifier_lr=classifier_lr)
        require_count(classifier_epochs=1 if classifier_epochs is None else classifier_epochs)
        self.lamb, self.beta = options.lamb, beta
        self.generator = options.generator(dims)
        self.critic = options.critic(dims)
        self.classifier = Softmax(dims, lr=classifier_lr, epochs=classifier_epochs or 1, batch_size=CLASSIFIER_BATCH)
        self.classifier_epochs = classifier_epochs

    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Return G(z, φ), z ~ N(0, I)."""
        x: Tensor = self.generator(phi)
        return x

    def foundations(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """Yield the space, and the classifier of real features of the seen classes, if β > 0."""
        yield from super().foundations(train)
        if self.beta:
            if self.classifier_epochs is None:
                most = passes(CLASSIFIER_STEPS, len(train.examples), CLASSIFIER_BATCH)
                self.classifier.epochs = min(CLASSIFIER_PASSES, most)
            yield self.classifier, train.of_seen_classes()

    def configure_optimizers(self) -> list[Optimizer]:
        """Return Adam for the critic, Adam for the generator, and the optimizer of a space that guides it."""
        adams = (Adam(p.parameters(), self.lr, (0.5, 0.999), fused=True) for p in (self.critic, self.generator))
        return [*adams, *self.guide()]

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Make one step, by Lightning's manual optimisation."""
        critic_steps, generator_steps, *space_steps = self.optimizers()  # type: ignore[attr-defined]
        return self.descend(batch, critic_steps, generator_steps, self.manual_backward, *space_steps)

    def descend(
        self,
        batch: Batch,
        critic_steps: Any,
        generator_steps: Any,
        backward: Callable[..., None],
        *space_steps: Any,
    ) -> dict[str, Tensor]:
        """Make ``n_critic`` steps of D and one of G; return the last loss of each.

        All fakes of the steps of D are drawn at once, because G does not change between them.

        Args:
            batch: ``n_critic`` batches.
            critic_steps: the optimizer of D.
            generator_steps: the optimizer of G.
            backward: differentiates a loss, by ``inputs`` alone where they are given.
            space_steps: the optimizer of the space, if it guides G.
        """
        for steps in space_steps:
            self.train_space(batch, steps, backward)
        x, y = batch.x, batch.y
        phi = batch.classes.embeddings[y]
        with torch.no_grad():
            fakes = self.generator(phi)
        loss, _ = train_critic(self.critic, critic_steps, self.lamb, x, fakes, phi, backward)
        generator_loss = self.fake_loss(self.generator(phi[-1]), batch)
        self.learn_from_fakes(generator_loss, [self.generator], [generator_steps], space_steps, backward)
        return {"loss": loss, "generator_loss": generator_loss.detach()}

    def fake_loss(self, fake: Float[Tensor, "n d"], batch: Batch) -> Tensor:
        """Return the loss of G for fakes of the classes of the last batch."""
        y = batch.y[-1]
        loss: Tensor = -self.critic(fake, batch.classes.embeddings[y]).mean()
        if self.beta:
            loss = loss + self.beta * self.classifier.risk(fake, y)
        return loss + self.charge(fake, batch)
