"""Base of the generators that are trained against Wasserstein critics: hyperparameters, networks, batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Optimizer

from zsl.data.training_set import Batch, Draws, Setting, TrainingSet, TransductiveDraws
from zsl.errors import InputError
from zsl.hyperparameters import Duration, require_choice, require_count, require_positive, require_within, seconds
from zsl.methods.generative.critic import Critic, critic
from zsl.methods.generative.diagnosis import critic_diagnosis
from zsl.methods.generative.feature_generator import FeatureGenerator, Head, PerClass
from zsl.methods.generative.networks import Encoder, Generator, Output, require_reach
from zsl.methods.generative.prepared import Scale, require_phi_scale
from zsl.methods.generative.space import MakeSpace, Space
from zsl.methods.method import Dimensions, ZSLModel


class AdversarialKeys(TypedDict, total=False):
    """Hyperparameters of :class:`AdversarialOptions` that methods pass on to it."""

    space: MakeSpace
    guidance: float
    features_per_class: PerClass
    fill_seen: bool
    noise: int | None
    hidden: int
    critic_hidden: int
    critic_layers: int
    phi_scale: float | None
    units: Scale
    steps: int
    budget: Duration
    lamb: float
    n_critic: int
    lr: float
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class AdversarialOptions:
    """Hyperparameters of a Wasserstein GAN of features: sizes of its networks, and its steps, all by Adam.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    space: MakeSpace = Space
    """makes the space in which heads learn"""
    guidance: float = 0.0
    """weight ≥ 0 of what the space charges fakes in the loss of the generator; above 0 they are trained side by side"""
    features_per_class: PerClass = None
    """synthetic features of each unseen class: a number ≥ 1, or a multiple such as ``3x`` of the mean number of images
    of a seen class, or of 20 where it is less; None for ``1x``"""
    fill_seen: bool = True
    """whether synthetic features fill up each seen class to this number, for the head over all classes"""
    noise: int | None = None
    """length of z ≥ 1, or None for that of φ"""
    hidden: int = 1024
    """width of the hidden layers of the generator, and of an encoder, ≥ 1"""
    critic_hidden: int = 1024
    """width of the hidden layers of critics ≥ 1"""
    critic_layers: int = 1
    """number of hidden layers of critics ≥ 1"""
    phi_scale: float | None = None
    """c > 0: networks are given cφ, beside z; None for c with which seen classes are 4 apart"""
    units: Scale = "whitened"
    """of features inside the generator: ``"whitened"`` by the covariance within classes (``"derived"`` where ``output``
    is a rectifier or a sigmoid), one deviation (``"derived"``), or those of the data (``"data"``)"""
    output: Output = "auto"
    """activation of the generator: ``"relu"``, ``"sigmoid"`` or ``"linear"``, ``"auto"`` by the range of features"""
    lamb: float = 10.0
    """λ > 0, the weight of the gradient penalty"""
    n_critic: int = 5
    """steps of critics for one of the generator ≥ 1"""
    lr: float = 1e-3
    """learning rate > 0"""
    epochs: int | None = None
    """passes ≥ 1, or None for as many as ``steps`` need; one has n / batch_size steps, rounded up"""
    steps: int = 3000
    """steps ≥ 1 without ``epochs``"""
    budget: Duration = None
    """time such as ``5min`` after which training ends with its epoch; epochs that validation chose are all made"""
    batch_size: int = 64
    """features a batch ≥ 1"""

    def __post_init__(self) -> None:
        noise = 1 if self.noise is None else self.noise
        require_count(noise=noise, hidden=self.hidden)
        require_count(critic_hidden=self.critic_hidden, critic_layers=self.critic_layers, steps=self.steps)
        epochs = 1 if self.epochs is None else self.epochs
        require_count(n_critic=self.n_critic, epochs=epochs, batch_size=self.batch_size)
        require_positive(lamb=self.lamb, lr=self.lr)
        seconds(budget=self.budget)
        require_phi_scale(self.phi_scale)
        require_choice(self.units, "method.units", ("whitened", "derived", "data"))
        require_within(0, math.inf, guidance=self.guidance)
        require_choice(self.output, "method.output", ("auto", "relu", "sigmoid", "linear"))

    def generator(self, dims: Dimensions) -> Generator:
        """Return G(z, φ) with new weights."""
        return Generator(self._latent(dims), dims.embedding, self.hidden, dims.features, self.output, self.phi_scale)

    def encoder(self, dims: Dimensions) -> Encoder:
        """Return E(x, φ) with new weights."""
        return Encoder(dims.features, dims.embedding, self.hidden, self._latent(dims), self.phi_scale)

    def critic(self, dims: Dimensions) -> Critic:
        """Return D(x, φ) with new weights."""
        return critic(dims.features, dims.embedding, self.critic_hidden, self.critic_layers, self.phi_scale)

    def unconditional_critic(self, dims: Dimensions) -> Critic:
        """Return D(x) with new weights, of as many layers as D(x, φ)."""
        return critic(dims.features, 0, self.critic_hidden, self.critic_layers)

    def _latent(self, dims: Dimensions) -> int:
        return dims.embedding if self.noise is None else self.noise


class AdversarialGenerator(FeatureGenerator):
    """A generator of features with manual optimisation, on ``n_critic`` batches a step.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        options: hyperparameters of the generator and of its critics.

    Raises:
        InputError: a hyperparameter of the head or ``features_per_class`` is out of range.
    """

    def __init__(self, dims: Dimensions, head: Head, options: AdversarialOptions) -> None:
        super().__init__(
            dims,
            head,
            options.features_per_class,
            space=options.space,
            beside=self.beside(dims, options),
            units=options.units,
            output=options.output,
            fill_seen=options.fill_seen,
        )
        self.guidance = options.guidance
        if self.guidance and not self.space.epochs:
            raise InputError(f"method.guidance={self.guidance}: this space guides no generator; choose a method/space")
        self.hidden, self.n_critic = options.hidden, options.n_critic
        self.lr, self.batch_size = options.lr, options.batch_size
        self.train_for(options.epochs, options.steps, options.budget)
        self.automatic_optimization = False

    def beside(self, dims: Dimensions, options: AdversarialOptions) -> int:  # noqa: ARG002
        """Return the length of what heads learn from beside h(x); called before networks are built."""
        return 0

    def diagnose(self, train: TrainingSet) -> Mapping[str, float]:
        """Add to the comparison of features the distance that the critic measures, and its mean ‖∇D(x̂, φ)‖₂."""
        told = dict(super().diagnose(train))
        critic, weight = getattr(self, "critic", None), getattr(self, "gamma", 1.0)
        if isinstance(critic, nn.Module) and weight:
            told |= critic_diagnosis(critic, self.synthesize, train)
        return told

    def foundations(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """Yield the space, unless it is trained side by side with the generator."""
        if not self.guidance:
            yield from super().foundations(train)

    def guide(self) -> list[Optimizer]:
        """Return the optimizer of the space, if it is trained side by side with the generator."""
        return [self.space.configure_optimizers()] if self.guidance else []  # type: ignore[list-item]

    def train_space(self, batch: Batch, steps: Any, backward: Callable[..., None]) -> None:
        """Make a step of the space for each batch of the critic, on real features.

        Args:
            batch: batches of the critic.
            steps: the optimizer of the space.
            backward: differentiates a loss.
        """
        for x, y in zip(batch.x, batch.y, strict=True):
            steps.zero_grad()
            backward(self.space.loss(Batch(x, y, batch.classes)))
            steps.step()

    def learn_from_fakes(
        self,
        loss: Tensor,
        parts: list[nn.Module],
        steps: Sequence[Any],
        space_steps: Sequence[Any],
        backward: Callable[..., None],
    ) -> None:
        """Make a step of ``parts``, and of a space that guides and learns from fakes.

        Args:
            loss: the loss of the generator.
            parts: what learns from it.
            steps: the optimizers of ``parts``.
            space_steps: the optimizer of the space, if it guides.
            backward: differentiates a loss by ``inputs``.
        """
        if self.guidance and self.space.learns_from_fakes:
            parts, steps = [*parts, self.space], [*steps, *space_steps]
        for each in steps:
            each.zero_grad()
        backward(loss, inputs=[p for part in parts for p in part.parameters()])
        for each in steps:
            each.step()

    def charge(self, fake: Float[Tensor, "n d"], batch: Batch) -> Float[Tensor, ""] | float:
        """Return what the space charges fakes of the classes of the last batch, times its weight."""
        if not self.guidance:
            return 0.0
        return self.guidance * self.space.charge(fake, batch.y[-1], batch.classes, batch.x[-1])

    def misfit(self, rebuilt: Float[Tensor, "n d"], x: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
        """Return -log p(x | x̂) up to a constant, the mean over rows."""
        if self.activation == "sigmoid":
            logits = rebuilt.to(x.dtype).logit(eps=1e-6)
            return binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        return 0.5 * (rebuilt - x).square().sum(dim=1).mean()

    def batches(self, train: TrainingSet, seed: int) -> Draws:
        """Return ``n_critic`` batches a step, with unlabelled images where the setting is transductive.

        Raises:
            InputError: the generator ends with a sigmoid, and features do not lie in [0, 1].
        """
        require_reach(self.output, train.examples.inputs)
        draws = TransductiveDraws if self.setting is Setting.TRANSDUCTIVE else Draws
        return draws(train, self.batch_size, self.n_critic, seed)
