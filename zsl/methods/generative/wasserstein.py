"""Base of the generators that are trained against Wasserstein critics: batches, spaces that guide, what is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Adam, Optimizer

from zsl.data.training_set import Batch, Draws, Setting, TrainingSet, TransductiveDraws
from zsl.errors import InputError
from zsl.methods.generative.diagnosis import critic_diagnosis
from zsl.methods.generative.feature_generator import FeatureGenerator, Head
from zsl.methods.generative.networks import require_reach
from zsl.methods.generative.options import AdversarialOptions
from zsl.methods.method import Dimensions, ZSLModel


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
            begin=options.begin,
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

    def coding(self, encoder: nn.Module, generator: nn.Module) -> Adam:
        """Return Adam for an encoder and a generator, which average gradients over different times."""
        decoding = {"params": list(generator.parameters()), "betas": (0.5, 0.999)}
        return Adam([decoding, {"params": list(encoder.parameters()), "betas": (0.9, 0.999)}], self.lr, fused=True)

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

    def charge(self, fake: Float[Tensor, "n d"], batch: Batch, restored: bool = False) -> Float[Tensor, ""] | float:
        """Return what the space charges fakes of the last batch, times its weight."""
        if not self.guidance:
            return 0.0
        return self.guidance * self.space.charge(fake, batch.y[-1], batch.classes, batch.x[-1], restored)

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
