"""What methods share that adapt an image encoder, to class texts in a joint space that stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Unpack

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from zsl.backbones.image_tower import ImageTower
from zsl.data.examples import Examples
from zsl.data.stored_rows import blocks
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.few_labels.adaptation import Base, DescentKeys, GradualAdaptation
from zsl.methods.method import Dimensions, ZSLModel

IMAGES = 64
"""images that are encoded at a time without gradients"""


class ImageAdaptation(GradualAdaptation):
    """A method whose θ(x) are the pixels of an image, with an image encoder e and a base on its features.

    The base is trained first, on the features of the encoder as it is.

    Args:
        dims: sizes of θ(x) and φ(y).
        base: makes the joint space.
        checkpoint: folder of the encoder, as of :class:`.ImageTower`.
        descent: as of :class:`.GradualAdaptation`.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, or the encoder cannot be loaded.
    """

    pixels: ClassVar[bool] = True

    def __init__(
        self, dims: Dimensions, base: Base, checkpoint: str | Path | None, **descent: Unpack[DescentKeys]
    ) -> None:
        if checkpoint is not None and not isinstance(checkpoint, str | Path):
            raise InputError(f"method.checkpoint={checkpoint}: must be a folder")
        start = ImageTower(checkpoint, constant=True)
        super().__init__(replace(dims, features=start.width), base, **descent)
        self.start = start

    def foundations(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """Yield the base with the features of the images, and begin with it when it has been trained.

        Raises:
            InputError: θ(x) are no pixels, or the encoder takes images of another size.
        """
        with torch.no_grad():
            features = torch.cat([self._features(x) for x in blocks(train.examples.inputs, IMAGES)])
        yield self.base, replace(train, examples=Examples(features, train.examples.labels))
        with torch.no_grad():
            self.begin(train)

    def _features(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n width"]:
        self.start.require_pixels(x)
        return self.start(x)

    def encoded(self, tower: ImageTower, x: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return z(x) = f(e(x))/‖f(e(x))‖, with gradients where they are asked for."""
        some = [x] if torch.is_grad_enabled() else blocks(x, IMAGES)
        return torch.cat([normalize(self.base.images(tower(each))) for each in some])
