"""What methods share that adapt class texts within a text tower, to images in a joint space that stays as it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Unpack

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from zsl.class_embeddings.text_tower import TextTower
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.alignment.last_texts import LastTexts
from zsl.methods.few_labels.adaptation import Base, DescentKeys, GradualAdaptation
from zsl.methods.method import Dimensions, ZSLModel


class TextAdaptation(GradualAdaptation):
    """F(x, y) = exp(s) cos(f(x), g(t(y)))

    with φ(y) the token ids of a text and t(y) what a frozen text tower makes of it and of what the method learns. The
    base is trained first, on the vectors t₀(y) of the seen classes before anything is learned.

    Args:
        dims: sizes of θ(x) and φ(y).
        base: makes the joint space of f, g and s.
        checkpoint: folder of the text tower, as of :class:`.TextTower`.
        descent: as of :class:`.GradualAdaptation`.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, or the tower cannot be loaded.
    """

    token_ids: ClassVar[bool] = True

    def __init__(
        self, dims: Dimensions, base: Base, checkpoint: str | Path | None, **descent: Unpack[DescentKeys]
    ) -> None:
        if checkpoint is not None and not isinstance(checkpoint, str | Path):
            raise InputError(f"method.checkpoint={checkpoint}: must be a folder")
        tower = TextTower(checkpoint)
        super().__init__(replace(dims, embedding=tower.width), base, **descent)
        self.tower = tower
        self._last = LastTexts()

    @abstractmethod
    def t(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n width"]:
        """Return t(y), with gradients."""

    @abstractmethod
    def t0(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n width"]:
        """Return t₀(y), without gradients."""

    def foundations(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """Yield the base with the vectors t₀ of the classes, and begin with it when it has been trained."""
        yield self.base, replace(train, classes=replace(train.classes, embeddings=self.t0(train.classes.embeddings)))
        with torch.no_grad():
            self.begin(train)

    def w(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n m"]:
        """Return w(y) = g(t(y))/‖g(t(y))‖; without gradients, those of the last classes are kept."""
        weights = (*self.parameters(), *self.base.buffers())
        return self._last(phi, weights, lambda phi: normalize(self.base.texts(self.t(phi))))

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scaled cosines of images and classes."""
        return self.beside(x, self.w(classes.embeddings))

    def beside(self, x: Float[Tensor, "batch d"], w: Float[Tensor, "n m"]) -> Float[Tensor, "batch n"]:
        """Return exp(s) z(x)ᵀw(y) for class vectors that are there."""
        return self.base.scale.detach() * self.z(x) @ w.T
