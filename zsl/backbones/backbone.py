"""Interface of image encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from jaxtyping import Float32, Shaped
from numpy import ndarray as Array
from PIL.Image import Image

UNKNOWN = "unknown"
"""statement of pretraining where nothing is stated"""
CORPORA = {1000: "imagenet1k", 11821: "imagenet12k", **dict.fromkeys((11221, 21841, 21842, 21843), "imagenet21k")}
"""number of labels -> what was probably pretrained on, where nothing is stated"""


class Backbone(ABC):
    """Image encoder, images -> θ(x), in two steps: ``prepare`` runs in many threads while ``encode`` uses the network.

    Attributes:
        name: of weights, version, pooling and precision. Features are stored under ``name`` and ``transform``, so
            either changes whenever features do.
        transform: description of the preprocessing of images.
        pretraining: what the weights were trained on, such as ``imagenet1k``; None where it is not stated.
        pass_size: images of a forward pass, which is filled up where there are fewer; 1 where nothing is filled up.
    """

    name: str
    transform: str
    pretraining: str | None = None
    pass_size: int = 1

    @abstractmethod
    def prepare(self, image: Image) -> Shaped[Array, "..."]:
        """Return the input of the network for one image, of any size and mode; the shape is the same for all."""

    @abstractmethod
    def encode(self, pixels: Sequence[Shaped[Array, "..."]]) -> Float32[Array, "n ..."]:
        """Return θ(x) for inputs that ``prepare`` made; a row does not depend on the rows beside it."""

    def labels(self) -> Sequence[str]:
        """Return the names of the classes that the weights were trained to tell apart, as far as they are known."""
        return ()

    def tag(self) -> str | None:
        """Return what a library calls the weights, such as ``laion2b_s34b_b79k``, where this tells their training."""
        return None

    def at_once(self, least: int) -> int:
        """Return the smallest number of images, from ``least`` on, that fills forward passes."""
        size = self.pass_size
        return -(-least // size) * size

    def __call__(self, images: Sequence[Image]) -> Float32[Array, "n ..."]:
        """Compute θ(x) of every image."""
        return self.encode([self.prepare(image) for image in images])


def identity(backbone: Backbone) -> dict[str, Any]:
    """Return what identifies the features of a backbone, and what is known of its pretraining, for JSON."""
    labels = list(backbone.labels())
    guess = f"{CORPORA[len(labels)]} (by its {len(labels)} labels)" if len(labels) in CORPORA else None
    stated = backbone.pretraining or ", ".join(filter(None, (backbone.tag(), guess))) or UNKNOWN
    return {"name": backbone.name, "transform": backbone.transform, "pretraining": stated, "labels": labels}
