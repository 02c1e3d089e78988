"""An image encoder that is trained: pixels -> features, as module of a method."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.backbones.constant_weights import ConstantWeights, make_constant
from zsl.backbones.efficientnet_lite import EfficientNetLite0
from zsl.backbones.network import state_digest
from zsl.backbones.transformers import Transformers
from zsl.errors import InputError, out_of_memory

CURE = "extract images with backbone=pixels, and take data.scale=none"


class ImageTower(ConstantWeights):
    """The network of a backbone, on pixels of :class:`.Pixels`, which it normalises as the backbone does.

    Running means of batch normalisation stay as they are, and dropout is off.

    Args:
        checkpoint: folder of a model of transformers; None: EfficientNet-Lite0.
        constant: whether the weights stay as they are, and are no part of a state dict.

    Raises:
        InputError: the folder cannot be read, or the packages are not installed.
    """

    def __init__(self, checkpoint: str | Path | None, constant: bool = False) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0() if checkpoint is None else Transformers(model=checkpoint)
        with torch.device("cpu"):  # a method is also built where weights have no values
            self.network = copy.deepcopy(self.backbone.network).float()
            self.width = self.backbone.width
            if constant:
                self.keep_constant(int(state_digest(self.network)[:15], 16))
                make_constant(self.network)
        mean, deviation = self.backbone.normalisation
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1), persistent=False)
        self.mean: Tensor
        self.deviation: Tensor

    def forward(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n width"]:
        """Return the features of images.

        Raises:
            InputError: a row is no square RGB image, or the network takes images of another size.
        """
        side = math.isqrt(x.shape[1] // 3)
        if 3 * side**2 != x.shape[1]:
            raise InputError(f"data: θ(x) has {x.shape[1]} numbers, which are no square RGB image; {CURE}")
        image = (x.view(-1, 3, side, side) - self.mean) / self.deviation
        try:
            found: Tensor = self.backbone.pooled_by(self.network, image)
        except (ValueError, RuntimeError) as error:
            if out_of_memory(error):
                raise
            what = f"images of {side} × {side} pixels do not fit the encoder ({error})"
            raise InputError(f"data: {what}; set backbone.size: {CURE}") from error
        return found

    @staticmethod
    def require_pixels(x: Float[Tensor, "n d"]) -> None:
        """Refuse what an extraction of pixels cannot have made.

        Raises:
            InputError: a value is no whole number from 0 to 255.
        """
        wrong = (x < 0) | (x > 255) | (x != x.round())
        if wrong.any():
            raise InputError(
                f"data: θ(x) holds {float(x[wrong][0]):.4g}, and pixels are whole numbers from 0 to 255; {CURE}"
            )

    def __call__(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n width"]:
        """Return what :meth:`forward` does."""
        found: Tensor = super().__call__(x)
        return found

    def __str__(self) -> str:
        return f"image encoder {self.backbone.name}"
