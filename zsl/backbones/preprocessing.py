"""Preprocessing of images of any size and mode to the square RGB images that encoders take."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image, ImageOps


def centre_square(image: Image.Image, side: int) -> UInt8[Array, "side side 3"]:
    """Return the centre crop of an image at ``side`` × ``side`` pixels, RGB, upright, on white where transparent.

    The shorter side is scaled to ``side`` pixels and the longer side is cropped equally at both ends, so the aspect
    ratio is kept. Interpolation is bicubic, as in the training of the encoders; Pillow's filter is antialiased.
    """
    upright = on_white(ImageOps.exif_transpose(image))
    return np.asarray(ImageOps.fit(upright, (side, side), Image.Resampling.BICUBIC))


def on_white(image: Image.Image) -> Image.Image:
    """Convert an image to 8-bit RGB, composited on white.

    Raises:
        ValueError: pixels have 32 bits, whose range is unknown.
    """
    if image.mode in ("I", "F"):
        raise ValueError("its pixels have 32 bits; save it with 8 or 16")
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    coloured = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), coloured).convert("RGB")
