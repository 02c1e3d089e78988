"""Decoding of image files of any size and mode, without trust in their content."""

from __future__ import annotations

import io
import warnings
from functools import cache

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from zsl.backbones.preprocessing import on_white

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""formats that are decoded; Pillow passes some other formats to external programs, such as PostScript to Ghostscript"""
UNDECODED = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    ".jxl": "JPEG XL",
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".pef", ".dng"), "raw"),
}
"""suffix -> format of photographs that are not decoded; they are reported as unreadable images, never ignored"""
MOST_PIXELS = 100_000_000
"""the largest number of pixels of an image: 300 MB as RGB"""
MOST_BYTES = 2**30
"""the largest number of bytes of the file of an image"""
PHOTOMETRIC = 262
"""tag of a TIFF file that says by 0 that its white is 0"""


@cache
def formats() -> tuple[str, ...]:
    """Return the `FORMATS` that the installed Pillow decodes."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of `formats`, in lower case; a .mpo is a JPEG file with several pictures."""
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in (*formats(), "MPO"))


def decoded(content: bytes) -> Image.Image:
    """Decode an image, upright and in RGB on white; of an animation, its first frame.

    The format is recognised by content.

    Raises:
        ValueError: the image cannot be decoded; the message is the reason.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=formats()) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            return on_white(_of_16_bits(image, ImageOps.exif_transpose(image)))
    except Image.DecompressionBombError as error:
        raise ValueError(f"has more than {MOST_PIXELS // 10**6} million pixels; make it smaller") from error
    except UnidentifiedImageError as error:
        known = ", ".join(formats())
        raise ValueError(f"is not an image ({known})" if content else "is empty") from error
    except MemoryError:  # says nothing about the image
        raise
    except Exception as error:  # the decoders raise exceptions of many types
        raise ValueError(f"cannot be decoded: {error or type(error).__name__}") from error


def _of_16_bits(image: Image.Image, upright: Image.Image) -> Image.Image:
    """Return an image, which was made upright, with its grey values of more than 8 bits as a person sees them.

    Pillow scales those of a grey map to 0 … 65535 and stores them in 32 bits. Where the white of a TIFF file is 0, it
    inverts 8 bits alone.
    """
    if image.format == "PPM" and image.mode == "I":
        return Image.fromarray(np.asarray(upright).astype(np.uint16))
    if image.format == "TIFF" and image.mode.startswith("I;16") and image.getexif().get(PHOTOMETRIC) == 0:
        return Image.fromarray(65535 - np.asarray(upright).astype(np.uint16))
    return upright
