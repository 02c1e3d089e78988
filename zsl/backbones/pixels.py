"""Pixels as features, for methods that train an image encoder of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from jaxtyping import Float32, UInt8
from numpy import ndarray as Array
from PIL.Image import Image

from zsl.backbones.backbone import Backbone
from zsl.backbones.preprocessing import centre_square


@dataclass(frozen=True, kw_only=True)
class Pixels(Backbone):
    """θ(x) = (r_11, r_12, …, b_ss): the red, then the green, then the blue values of the centre square, 0 to 255.

    Attributes:
        size: side s of the square in pixels, to which an image is scaled; x has 3s² numbers.
    """

    size: Annotated[int, Ge(1), Le(1024)] = 64
    pretraining = "nothing"

    @property
    def name(self) -> str:  # type: ignore[override]
        """Return the side of the square."""
        return f"pixels {self.size}"

    @property
    def transform(self) -> str:  # type: ignore[override]
        """Return the preparation of an image."""
        return f"exif orientation; alpha on white; rgb; centre square; {self.size} px bicubic antialiased; 0 to 255"

    def prepare(self, image: Image) -> UInt8[Array, "3 size size"]:
        """Return the centre square of an image."""
        return np.ascontiguousarray(centre_square(image, self.size).transpose(2, 0, 1))

    def encode(self, pixels: Sequence[UInt8[Array, "3 size size"]]) -> Float32[Array, "n d"]:
        """Return the values in a row."""
        rows = np.stack(pixels) if pixels else np.empty((0, 3, self.size, self.size))
        return rows.reshape(len(rows), 3 * self.size**2).astype(np.float32)
