"""Images of any size and mode -> the square of RGB pixels that encoders take."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image, ImageOps


def centre_square(image: Image.Image, side: int) -> UInt8[Array, "side side 3"]:
    """The middle of the image at ``side`` × ``side`` pixels, RGB, upright, on white where it is transparent.

    The shorter side becomes ``side`` pixels and what then stands over on the longer one is cropped equally at both
    ends: the shape of things is kept, and a square image is kept whole. Bicubic, as the encoders here were trained;
    Pillow's filter widens with the reduction, so fine texture does not alias.
    """
    upright = on_white(ImageOps.exif_transpose(image))
    return np.asarray(ImageOps.fit(upright, (side, side), Image.Resampling.BICUBIC))


def on_white(image: Image.Image) -> Image.Image:
    """The image as RGB of 8 bits, composited on white.

    Raises:
        ValueError: pixels of 32 bits, whose range nobody knows.
    """
    if image.mode in ("I", "F"):
        raise ValueError("its pixels have 32 bits; save it with 8 or 16")
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    coloured = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), coloured).convert("RGB")
