"""What methods that learn from few labelled images share: the joint space that they begin with, and their descent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from zsl.data.training_set import Batch, TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_count, require_positive, require_within
from zsl.methods.alignment.joint_space import JointSpace
from zsl.methods.method import Dimensions, ZSLModel

Base = Callable[[Dimensions], ZSLModel]
"""sizes -> a joint space"""


class Adaptation(ZSLModel):
    """A method that begins with a joint space, which is trained first and stays as it is.

    z(x) and w(y) are its vectors, exp(s) its scale.

    Args:
        dims: sizes of θ(x) and φ(y).
        base: makes the joint space.

    Raises:
        InputError: the base is no joint space, or one of its hyperparameters is out of range.
    """

    def __init__(self, dims: Dimensions, base: Base) -> None:
        super().__init__()
        if not callable(base):
            raise InputError(f"method.base={base}: must be a joint space of images and texts; choose a method/base")
        try:
            made = base(dims)
        except InputError as error:
            raise InputError(str(error).replace("method.", "method.base.", 1)) from error
        if not isinstance(made, JointSpace):
            raise InputError(
                f"method.base={type(made).__name__}: has no space of images and texts; choose a method/base"
            )
        self.base = made

    def foundations(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """Yield the base, and begin with it when it has been trained."""
        yield self.base, train
        with torch.no_grad():
            self.begin(train)

    def begin(self, train: TrainingSet) -> None:
        """Set what depends on the trained base before the first gradient step."""

    @torch.no_grad()
    def z(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return z(x), without gradients."""
        return self.base.z(x)

    @torch.no_grad()
    def w(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n m"]:
        """Return w(y), without gradients."""
        return self.base.w(phi)


class DescentKeys(TypedDict, total=False):
    """Hyperparameters of :class:`GradualAdaptation` that methods pass on to it."""

    lr: float
    epochs: int
    decay_epochs: int
    batch_size: int
    weight_decay: float


class GradualAdaptation(Adaptation):
    """Gradient steps on the cross-entropy of F over the seen classes, by AdamW at η_e = η/2 (1 + cos(πe/E)) in epoch e.

    Weights of the base stay as they are.

    Args:
        dims: sizes of θ(x) and φ(y).
        base: makes the joint space.
        lr: learning rate η > 0.
        epochs: passes over the training images ≥ 1.
        decay_epochs: E ≥ ``epochs``.
        batch_size: images a step ≥ 1.
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range, or the base is no joint space.
    """

    def __init__(
        self,
        dims: Dimensions,
        base: Base,
        lr: float = 1e-3,
        epochs: int = 20,
        decay_epochs: int = 20,
        batch_size: int = 256,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(dims, base)
        require_positive(lr=lr)
        require_count(epochs=epochs, decay_epochs=decay_epochs, batch_size=batch_size)
        if epochs > decay_epochs:
            raise InputError(
                f"method.epochs={epochs}: the learning rate is 0 after method.decay_epochs={decay_epochs}; raise both"
            )
        require_within(0, math.inf, weight_decay=weight_decay)
        self.lr, self.epochs, self.decay_epochs = lr, epochs, decay_epochs
        self.batch_size, self.weight_decay = batch_size, weight_decay

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean cross-entropy over the seen classes."""
        return cross_entropy(self.scores(batch.x, batch.classes), batch.y)

    @property
    def own(self) -> list[nn.Parameter]:
        """Return all weights but those of the base."""
        return [weight for name, weight in self.named_parameters() if not name.startswith("base.")]

    def configure_optimizers(self) -> Any:
        """Return AdamW of all weights but those of the base, with a rate that falls as a cosine."""
        optimizer = AdamW(self.own, lr=self.lr, eps=1e-4, weight_decay=self.weight_decay, fused=True)
        span = self.decay_epochs
        rate = LambdaLR(optimizer, lambda epoch: (1 + math.cos(math.pi * epoch / span)) / 2)
        return {"optimizer": optimizer, "lr_scheduler": rate}
