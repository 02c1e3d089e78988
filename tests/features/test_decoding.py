"""Images of any format, mode and orientation are decoded as a person sees them; others are refused with a reason."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.features.pictures import png, png_of_48_bits, written
from zsl.features import decoding
from zsl.features.decoding import decoded

RED, GREEN = (250, 10, 10), (10, 250, 10)


def plain(image: Image.Image) -> np.ndarray:
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def test_the_orientation_that_a_camera_noted_is_applied() -> None:
    image = Image.new("RGB", (8, 4), RED)
    image.paste(GREEN, (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    found = plain(decoded(written(image, "PNG", exif=exif)))
    assert found.shape == (8, 4, 3)
    assert (found[:4] == GREEN).all()


@pytest.mark.parametrize(
    ("image", "form", "colour"),
    [
        (Image.new("RGB", (5, 5), RED).convert("CMYK"), "JPEG", RED),
        (Image.new("RGB", (5, 5), RED).quantize(4), "PNG", RED),
        (Image.new("RGBA", (5, 5), (*RED, 0)), "PNG", (255, 255, 255)),
        (Image.new("LA", (5, 5), (7, 255)), "PNG", (7, 7, 7)),
        (Image.new("L", (5, 5), 7), "PNG", (7, 7, 7)),
        (Image.new("1", (5, 5), 1), "PNG", (255, 255, 255)),
        (Image.fromarray(np.full((5, 5), 0x8000, np.uint16)), "PNG", (128, 128, 128)),
        (Image.fromarray(np.full((5, 5), 0x8000, np.uint16)), "TIFF", (128, 128, 128)),
        (Image.frombytes("I;16B", (5, 5), bytes([0x80, 0x01] * 25)), "TIFF", (128, 128, 128)),
    ],
)
def test_modes(image: Image.Image, form: str, colour: tuple[int, int, int]) -> None:
    found = plain(decoded(written(image, form)))
    assert found.shape == (5, 5, 3)
    assert np.abs(found - colour).max() <= 3


def test_white_may_be_zero_in_tiff_files() -> None:
    """Pillow inverts 8 bits when it writes them and when it reads them, and 16 bits never."""
    for grey, lightness in ((np.full((5, 4), 0x40, np.uint8), 64), (np.full((5, 4), 0x4000, np.uint16), 191)):
        file = io.BytesIO()
        Image.fromarray(grey).save(file, "TIFF", tiffinfo={262: 0, 274: 6})  # and turned
        with Image.open(file) as image:
            assert image.getexif()[262] == 0
        found = plain(decoded(file.getvalue()))
        assert found.shape == (4, 5, 3)
        assert (found == lightness).all()


def test_of_16_bits_a_channel_the_high_byte_is_taken() -> None:
    """As of grey images of 16 bits, so that a photograph has the same pixels in both."""
    found = plain(decoded(png_of_48_bits((0xFA01, 0x0AFF, 0x0A80))))
    assert found.shape == (5, 5, 3)
    assert (found == RED).all()


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(form: str) -> None:
    frames = [Image.new("RGB", (6, 6), colour) for colour in (RED, GREEN)]
    found = plain(decoded(written(frames[0], form, save_all=True, append_images=frames[1:])))
    assert np.abs(found - RED).max() <= 20


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"text", "is not an image"),
        (png(0, 50)[:200], "cannot be decoded"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image"),
    ],
)
def test_what_is_no_image_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decoded(content)


def test_a_lack_of_memory_is_no_fault_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    content = png(0)
    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(MemoryError):
        decoded(content)


def test_bombs_are_refused_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    content = png(0, 10)
    monkeypatch.setattr(decoding, "MOST_PIXELS", 99)
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="million pixels"):
        decoded(content)
