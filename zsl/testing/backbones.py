"""The contract of backbones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from zsl.backbones.backbone import Backbone, identity
from zsl.prediction.components import built, of_object, path_of
from zsl.testing.law import hold_all, require

SIZES = ((224, 224), (64, 48), (31, 200), (1, 1))
"""width and height of images"""
MODES = ("RGB", "L", "RGBA", "P", "1")
"""kinds of images: colour, grey, with transparency, with a palette, black and white"""


def photographs(n: int = 6) -> list[Image.Image]:
    """Return random images of 7 × 7 coloured blocks, of several sizes."""
    generator = np.random.default_rng(0)
    blocks = generator.integers(0, 256, (n, 7, 7, 3), dtype=np.uint8)
    return [
        Image.fromarray(block).resize(SIZES[i % len(SIZES)], Image.Resampling.NEAREST) for i, block in enumerate(blocks)
    ]


@dataclass(frozen=True)
class BackboneUnderTest:
    """A backbone and images to encode."""

    backbone: Backbone
    images: Sequence[Image.Image] = field(default_factory=photographs)

    def __str__(self) -> str:
        return type(self.backbone).__name__


def check_backbone(backbone: Backbone, images: Sequence[Image.Image] | None = None) -> None:
    """Hold a backbone to every law of its contract.

    Args:
        backbone: of any class that extends :class:`zsl.backbones.backbone.Backbone`.
        images: at least three different images; by default :func:`photographs`. More than the backbone encodes at once
            show whether features depend on the batch.

    Raises:
        AssertionError: a law does not hold; the message names the law.
    """
    hold_all(LAWS, BackboneUnderTest(backbone, photographs() if images is None else images))


def each_image_has_one_row(given: BackboneUnderTest) -> None:
    """Require that features are finite numbers of type float32 with one row, or one matrix of patches, an image."""
    found = given.backbone([*given.images])
    require(
        found.ndim in (2, 3) and len(found) == len(given.images), f"{len(given.images)} images, shape {found.shape}"
    )
    require(found.dtype == np.float32 and bool(np.isfinite(found).all()), f"features are {found.dtype}, or not finite")
    require(len(np.unique(found, axis=0)) > 1, "all images have the same features")


def no_image_is_no_row(given: BackboneUnderTest) -> None:
    """Require that no image gives an array without rows, of the usual shape of a row."""
    usual, found = given.backbone([given.images[0]]).shape[1:], given.backbone([])
    require(found.shape == (0, *usual), f"shape {found.shape}")


def inputs_of_the_network_have_one_shape(given: BackboneUnderTest) -> None:
    """Require that images of any size are prepared as arrays of one shape and type, and encoded as by a call."""
    inputs = [given.backbone.prepare(image) for image in given.images]
    kinds = {(each.shape, each.dtype.str) for each in inputs}
    require(len(kinds) == 1, f"shapes and types are {sorted(kinds)}")
    require(np.array_equal(given.backbone.encode(inputs), given.backbone([*given.images])), "a call encodes otherwise")


def features_do_not_depend_on_the_images_around(given: BackboneUnderTest) -> None:
    """Require that an image has the same features, bit by bit, alone, in another order, and encoded again."""
    some = [*given.images]
    together = given.backbone(some)
    require(np.array_equal(given.backbone(some), together), "they differ when images are encoded again")
    require(np.array_equal(given.backbone(some[::-1])[::-1], together), "they differ in another order")
    require(np.array_equal(given.backbone([some[2]])[0], together[2]), "they differ for an image alone")


def every_kind_of_image_is_encoded(given: BackboneUnderTest) -> None:
    """Require that grey, transparent, palette, and black and white images are encoded, and not written on."""
    for mode in MODES:
        image = given.images[0].convert(mode)
        before = image.tobytes()
        found = given.backbone([image])
        require(found.shape[0] == 1 and bool(np.isfinite(found).all()), f"of mode {mode}, shape {found.shape}")
        require(image.tobytes() == before, f"an image of mode {mode} is changed")


def name_and_transform_are_keys(given: BackboneUnderTest) -> None:
    """Require that name and transform are texts, and the same for a backbone that was just made."""
    fresh = built(of_object(given.backbone), "backbone", "saved", own=[type(given.backbone)])
    for key in ("name", "transform"):
        text = getattr(given.backbone, key)
        require(isinstance(text, str) and bool(text.strip()), f"{key} is {text!r}")
        require(getattr(fresh, key) == text, f"{key} of {path_of(type(fresh))} is once {text!r}, then another")


def pretraining_is_stated_in_words(given: BackboneUnderTest) -> None:
    """Require that what is known of the pretraining, and every label of it, is a text."""
    known = identity(given.backbone)
    for text in (known["pretraining"], *known["labels"]):
        require(isinstance(text, str) and bool(text.strip()), f"pretraining and labels have {text!r}")


LAWS = (
    each_image_has_one_row,
    no_image_is_no_row,
    inputs_of_the_network_have_one_shape,
    features_do_not_depend_on_the_images_around,
    every_kind_of_image_is_encoded,
    name_and_transform_are_keys,
    pretraining_is_stated_in_words,
)
