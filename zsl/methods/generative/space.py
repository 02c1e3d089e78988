"""Spaces in which heads learn: that of the features themselves, and the base of those that are learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.generative.prepared import weigh_by_length
from zsl.methods.method import Dimensions, ZSLModel


class Space(ZSLModel):
    """h(x) = x: the space of the features themselves, and the base of spaces that are learned.

    A learned space is a method that is trained on real features of the seen classes, before the generator; any
    generator whose hyperparameter ``space`` names it then gives h(x) to its heads. A generator that is guided by it
    trains it alongside, one step for each batch of a critic, and its own loss has what :meth:`charge` returns.

    Args:
        dims: sizes of θ(x) and φ(y), number of seen classes.
    """

    learns_from_fakes: ClassVar[bool] = False
    """whether the charge of a guided generator's fakes trains the space too, and not only the generator"""

    def __init__(self, dims: Dimensions) -> None:
        super().__init__()
        self.width = dims.features

    def prepared(self, train: TrainingSet) -> TrainingSet:
        """Derive the weight of φ, where there is one."""
        self.weigh_descriptions(train.classes)
        return super().prepared(train)

    def weigh_descriptions(self, classes: LabelSpace) -> None:
        """Derive c = 1 / √(E ‖φ‖²) over seen classes, where the space has a weight of φ."""
        weigh_by_length(self, classes.embeddings[classes.seen_ids])

    def represent(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n r"]:
        """Return h(x), of length ``width``."""
        return x

    def charge(
        self,
        fake: Float[Tensor, "n d"],  # noqa: ARG002
        y: Int[Tensor, " n"],  # noqa: ARG002
        classes: LabelSpace,  # noqa: ARG002
        real: Float[Tensor, "n d"],  # noqa: ARG002
        restored: bool,  # noqa: ARG002
    ) -> Float[Tensor, ""]:
        """Return the loss of fake features, given their classes and real features of the same classes.

        ``restored`` tells whether each fake restores the real feature of its row.
        """
        raise TypeError(f"{type(self).__name__} cannot guide a generator; define charge(…)")

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:  # noqa: ARG002
        """Raise TypeError: the features themselves compare no image with a class."""
        raise TypeError(f"{type(self).__name__} has no scores")


MakeSpace = Callable[[Dimensions], Space]
"""sizes -> a space"""


def require_space(space: MakeSpace) -> None:
    """Refuse a value that cannot be called to build a space.

    Raises:
        InputError: ``space`` cannot be called.
    """
    if not callable(space):
        raise InputError(f"method.space={space}: must be a space in which heads learn; choose a method/space")


def built(space: MakeSpace, dims: Dimensions) -> Space:
    """Build a space.

    Raises:
        InputError: ``space`` builds something else, or a hyperparameter is out of range.
    """
    require_space(space)
    try:
        made = space(dims)
    except InputError as error:
        raise InputError(str(error).replace("method.", "method.space.", 1)) from error
    if not isinstance(made, Space):
        raise InputError(f"method.space={type(made).__name__}: is no space; choose a method/space")
    return made
