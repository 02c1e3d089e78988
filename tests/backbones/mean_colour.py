"""An encoder without weights, for tests of what surrounds an encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray as Array
from PIL.Image import Image

from zsl.backbones.backbone import Backbone


class MeanColour(Backbone):
    """θ(x) = the mean colour; counts the images that it encodes, and can be made to stop."""

    name = "mean colour"
    pretraining = "nothing"

    def __init__(self, transform: str = "none", stop_after: int | None = None) -> None:
        self.transform = transform
        self.stop_after = stop_after
        self.count = 0

    def prepare(self, image: Image) -> Float64[Array, "3"]:
        return np.asarray(np.asarray(image.convert("RGB")).mean((0, 1)))

    def encode(self, pixels: Sequence[Float64[Array, "3"]]) -> Float32[Array, "n 3"]:
        if self.stop_after is not None and self.count >= self.stop_after:
            raise KeyboardInterrupt
        self.count += len(pixels)
        return np.array(pixels, dtype=np.float32)
