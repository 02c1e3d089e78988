"""Interface of image encoders."""

from __future__ import annotations

from typing import Protocol

from jaxtyping import Float32
from numpy import ndarray as Array
from PIL.Image import Image


class Backbone(Protocol):
    """Image encoder, images -> θ(x); the features are cached."""

    @property
    def name(self) -> str:
        """Return a name of weights and version, which is part of the key under which features are cached."""
        ...

    @property
    def transform(self) -> str:
        """Return a description of the preprocessing of images, which is part of the cache key, too."""
        ...

    def __call__(self, images: list[Image]) -> Float32[Array, "n d"]:
        """Compute θ(x) of every image."""
        ...
