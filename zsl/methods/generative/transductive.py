"""A critic of generators that are shown unlabelled images of the unseen classes [Xian2019]."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.training_set import Setting, TransductiveBatch
from zsl.methods.generative.critic import Critic
from zsl.methods.generative.critic_steps import adapt, train_critic
from zsl.methods.generative.feature_generator import Head
from zsl.methods.generative.networks import Generator
from zsl.methods.generative.options import AdversarialOptions
from zsl.methods.generative.wasserstein import AdversarialGenerator
from zsl.methods.method import Dimensions


class TransductiveGenerator(AdversarialGenerator):
    """(objective of a generator)  +  γ W₂,   W₂ = E D₂(x) - E D₂(G(z, φ)) - λ₂ E (‖∇D₂(x̂)‖₂ - 1)²,   z ~ N(0, I)

    with an unconditional critic D₂, where x are unlabelled images of the unseen classes, and φ those of the unseen
    classes, each as often: public code takes each as often as the class has images, which needs their labels. λ₂ is λ
    where these are fixed. Where they are adaptive, each follows the penalty of its own critic, as in public code: one λ
    that followed the mean penalty would not change while the two penalties are off in opposite directions.

    Without :meth:`make_transductive` there is no D₂, and the setting is that of unseen semantics.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        options: hyperparameters of the generator and of its critics.

    Raises:
        InputError: a hyperparameter of the head or ``features_per_class`` is out of range.
    """

    adaptive: bool
    gamma: float
    generator: Generator
    lamb_unconditional: Tensor

    def __init__(self, dims: Dimensions, head: Head, options: AdversarialOptions) -> None:
        super().__init__(dims, head, options)
        self.unconditional: Critic | None = None
        self.first_lamb = options.lamb

    def make_transductive(self, critic: Critic, lamb: float) -> None:
        """Take a new D₂, and what λ₂ begins with; the setting is transductive."""
        self.setting = Setting.TRANSDUCTIVE  # type: ignore[misc]
        self.unconditional = critic
        self.register_buffer("lamb_unconditional", torch.tensor(float(lamb)))

    @abstractmethod
    def generate(self, phi: Float[Tensor, "*n k"], z: Float[Tensor, "*n z"]) -> Float[Tensor, "*n d"]:
        """Return G(z, φ)."""

    def train_unconditional(self, batch: TransductiveBatch, steps: Any, backward: Callable[..., None]) -> None:
        """Make a step of D₂ for each batch of the other critic.

        Args:
            batch: batches of the critic, and all unlabelled images.
            steps: the optimizer of D₂.
            backward: differentiates a loss.
        """
        assert self.unconditional is not None
        images, shape = batch.unlabelled, batch.y.shape
        real = images[torch.randint(len(images), shape, device=images.device)]
        with torch.no_grad():
            fakes, phi = self.unseen_fakes(batch, shape)
        lamb = self.lamb_unconditional
        _, penalty = train_critic(self.unconditional, steps, lamb, real, fakes, phi[..., :0], backward)
        if self.adaptive:
            adapt(lamb, penalty, self.first_lamb)

    def unseen_fakes(
        self, batch: TransductiveBatch, shape: torch.Size
    ) -> tuple[Float[Tensor, "*shape d"], Float[Tensor, "*shape k"]]:
        """Return synthetic features of unseen classes, and the descriptions of these."""
        phi = self.draw_unseen(batch, shape)
        return self.generate(phi, self.generator.draw(phi)), phi

    def draw_unseen(self, batch: TransductiveBatch, shape: torch.Size) -> Float[Tensor, "*shape k"]:
        """Return φ of unseen classes, drawn uniformly."""
        phi = batch.unseen.embeddings
        return phi[torch.randint(len(phi), shape, device=phi.device)]
