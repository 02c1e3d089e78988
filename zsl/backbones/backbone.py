"""The contract of image encoders."""

from __future__ import annotations

from typing import Protocol

from jaxtyping import Float32
from numpy import ndarray as Array
from PIL.Image import Image


class Backbone(Protocol):
    """Images -> θ(x), run once and cached."""

    @property
    def name(self) -> str:
        """Weights and version: part of the key under which features are cached."""
        ...

    @property
    def transform(self) -> str:
        """What is done to an image before the network sees it: part of the key too."""
        ...

    def __call__(self, images: list[Image]) -> Float32[Array, "n d"]:
        """θ(x) of every image."""
        ...
