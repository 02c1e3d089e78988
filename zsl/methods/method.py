"""The contract of a method."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import torch
from jaxtyping import Float
from pytorch_lightning import LightningModule
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, Batches, Setting, TrainingSet
from zsl.hyperparameters import Duration, passes, require_count, seconds


@dataclass(frozen=True)
class Dimensions:
    """Sizes that a method is built for, known before any image is read."""

    features: int
    """d, the length of θ(x)"""
    embedding: int
    """k, the length of φ(y)"""
    seen: int
    """s, the number of seen classes"""
    unseen: int = 0
    """u, the number of unseen classes; of use to methods whose setting is that their descriptions are known"""


class ZSLModel(LightningModule, ABC):
    """A method: how images and class descriptions are scored, and how that is learned.

    Closed forms and caches are computed in :meth:`finalize`. Methods with gradients define :meth:`loss` and
    ``configure_optimizers`` and take ``epochs``, ``batch_size`` and ``lr`` among their hyperparameters. Parts that are
    methods themselves are trained by the same loop, :meth:`foundations` before and :meth:`heads` after. Everything
    learned lives in parameters and registered buffers whose shapes follow from the constructor's arguments, so that a
    state dict can be loaded into a model that was just built.
    """

    setting: ClassVar[Setting] = Setting.INDUCTIVE
    """what training may see; a contract test holds the method to it, in both directions"""

    distributable: ClassVar[bool] = False
    """whether the loss of a batch is the mean of the losses of its images, without random numbers, so that processes
    can share a batch, or exchanges with the other processes what its loss needs beyond its own images (``exchanges``);
    a contract test holds the method to it"""
    exchanges: ClassVar[bool] = False
    """whether processes that share a batch exchange what the loss compares, such as features of all its images"""
    same_space: ClassVar[bool] = False
    """whether θ(x) and φ(y) have to be vectors of one space, such as that of a two-tower model"""

    probabilities: ClassVar[Literal["softmax", "sigmoid"]] = "softmax"
    """how scores become probabilities: softmax over the classes asked about, or σ(F(x, y)) of every class by itself"""
    pixels: ClassVar[bool] = False
    """whether θ(x) has to be pixels, which the method's own image encoder reads (``backbone=pixels``)"""
    token_ids: ClassVar[bool] = False
    """whether φ(y) has to be token ids, which the method's own text tower reads (``class_embedding=tokens``)"""
    supervised: ClassVar[bool] = False
    """whether labelled images alone, not descriptions, tell seen classes from each other; tables say so"""

    epochs: int = 0
    """passes over the training images; 0 for a closed form"""
    batch_size: int = 0
    steps: int = 0
    """steps from whose number that of the epochs follows when training begins; 0 where epochs are given"""
    budget: float | None = None
    """seconds that gradient steps may take, with their validation; they end with the epoch in which these are over"""
    diagnosis: Mapping[str, float] = MappingProxyType({})
    """what :meth:`diagnose` returned after this epoch, if it was asked"""
    deadline: float = math.inf
    """``time.monotonic()`` at which the budget is over, after which validation is the last"""
    unread: bool = False
    """whether this epoch is not to be validated unless it is the last: validation would take too much of the budget"""
    scheduled: ClassVar[bool] = False
    """whether the loss follows a schedule over all epochs, so that the method is validated after the last alone"""
    uses_randomness: bool = False
    """whether building and finalizing the model and training its heads drew from a global random stream"""
    afterwards: ClassVar[tuple[str, ...]] = ()
    """hyperparameters that gradient steps do not depend on, but only what follows them, such as ``head`` and all of its
    own; a contract test holds the method to it"""

    @property
    def deterministic(self) -> bool:
        """Whether training used no random number: gradient steps draw their batches, closed forms may draw nothing."""
        return not self.epochs and not self.uses_randomness

    @abstractmethod
    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return F(x, y) for every y in ``classes``, independent of other images and of the order of classes."""

    def take_steps_of(self, other: Self) -> None:
        """Copy what gradient steps made of ``other``, which differs in hyperparameters of ``afterwards`` alone."""
        self.load_state_dict(other.state_dict())

    def prepared(self, train: TrainingSet) -> TrainingSet:
        """Derive from the training set what hyperparameters leave open, and return it as the method trains on it."""
        if self.steps:
            self.epochs = passes(self.steps, len(train.examples), self.batch_size)
        return train

    def train_for(self, epochs: int | None, steps: int, budget: Duration = None) -> None:
        """Train for some epochs, or for as many as this number of steps needs, and no longer than a time.

        Raises:
            InputError: ``epochs`` or ``steps`` is no whole number ≥ 1, or ``budget`` is no duration.
        """
        require_count(epochs=1 if epochs is None else epochs, steps=steps)
        self.epochs, self.steps = (1, steps) if epochs is None else (epochs, 0)
        self.budget = seconds(budget=budget)

    def foundations(self, train: TrainingSet) -> Iterable[tuple[ZSLModel, TrainingSet]]:  # noqa: ARG002
        """Return the parts to be trained before the gradient steps, in this order, each with its training set."""
        return ()

    def batches(self, train: TrainingSet, seed: int) -> Batches:
        """Return the batches of the gradient steps."""
        return Batches(train, self.batch_size, seed)

    def heads(self, train: TrainingSet) -> Iterable[tuple[ZSLModel, TrainingSet]]:  # noqa: ARG002
        """Return the parts to be trained after the gradient steps, in this order, each with its training set."""
        return ()

    def finalize(self, train: TrainingSet) -> None:
        """Solve closed forms and fit what is learned after the gradient steps, if anything."""

    def class_means(self, train: TrainingSet) -> tuple[Float[Tensor, "seen d"], Float[Tensor, "seen d"]] | None:  # noqa: ARG002
        """Return the means of real and of synthetic features of every seen class, or None without synthetic features.

        The global random state is as before afterwards.
        """
        return None

    def diagnose(self, train: TrainingSet) -> Mapping[str, float]:  # noqa: ARG002
        """Return numbers that tell how training goes, asked a few times while it does; weights stay as they are."""
        return {}

    @classmethod
    def solve_grid(cls, train: TrainingSet, models: Iterable[Self]) -> Iterator[Self] | None:  # noqa: ARG003
        """Finalize models that differ in their hyperparameters alone, and yield each.

        Defined where closed forms share their decompositions; every model must be what its :meth:`finalize` would make
        of it. None where nothing is shared: each model is trained by itself.
        """
        return None

    def loss(self, batch: Batch) -> Float[Tensor, ""]:  # noqa: ARG002
        """Return the objective on one batch.

        Raises:
            TypeError: the method has epochs but defines no loss.
        """
        raise TypeError(f"{type(self).__name__} has epochs={self.epochs} but no loss; define loss(batch)")

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | dict[str, Tensor]:  # noqa: ARG002
        """Return the loss of one step of Lightning's automatic optimisation; generators override it."""
        loss: Tensor = self.loss(batch) * batch.share
        return loss

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:  # noqa: ARG002
        """Return the batch as it is, sliced on the device of the model, unless several processes share it."""
        return batch if batch.x.device == device else batch.to(device)
