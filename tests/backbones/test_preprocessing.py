"""Preprocessing of images for encoders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zsl.backbones.preprocessing import centre_square, on_white

sides = st.integers(1, 40)


@given(sides, sides, st.integers(1, 30), st.sampled_from(["RGB", "RGBA", "L", "LA", "P", "CMYK", "1", "I;16"]))
def test_any_size_and_mode_becomes_a_square_of_rgb(width: int, height: int, side: int, mode: str) -> None:
    pixels = centre_square(Image.new(mode, (width, height)), side)
    assert pixels.shape == (side, side, 3)
    assert pixels.dtype == np.uint8


@given(sides, sides, st.tuples(*[st.integers(0, 255)] * 3))
def test_one_colour_stays_that_colour(width: int, height: int, colour: tuple[int, int, int]) -> None:
    assert (centre_square(Image.new("RGB", (width, height), colour), 8) == colour).all()


@pytest.mark.parametrize("upright", [True, False])
def test_what_stands_over_is_cropped_equally_at_both_ends(upright: bool) -> None:
    """An image of 8 × 24: red, green and blue squares; only the middle one is left."""
    pixels = np.zeros((24, 8, 3), dtype=np.uint8)
    for i in range(3):
        pixels[8 * i : 8 * i + 8, :, i] = 255
    image = Image.fromarray(pixels if upright else pixels.transpose(1, 0, 2).copy())
    assert (centre_square(image, 8) == (0, 255, 0)).all()


def test_a_square_of_the_right_size_is_untouched() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert np.array_equal(centre_square(Image.fromarray(pixels), 16), pixels)


@given(st.integers(0, 255), st.integers(0, 255))
def test_transparency_lets_white_through(value: int, alpha: int) -> None:
    """c α + 255 (1 - α), to the nearest value or its neighbour."""
    seen = np.asarray(on_white(Image.new("RGBA", (1, 1), (value, value, value, alpha))))[0, 0]
    assert np.abs(seen - (value * alpha + 255 * (255 - alpha)) / 255).max() <= 1


def test_a_palette_with_a_transparent_entry_is_composited_too() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30])
    image.info["transparency"] = 0
    assert (np.asarray(on_white(image)) == 255).all()


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    image = Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], dtype=np.uint16))
    assert np.asarray(on_white(image))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_unknown_range_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        on_white(Image.new(mode, (2, 2)))


def test_the_orientation_a_camera_noted_is_applied() -> None:
    """Orientation 6: the first column of the upright image is the last row of the stored one."""
    stored = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20)
    stored.getexif()[0x0112] = 6
    assert np.array_equal(centre_square(stored, 2), np.rot90(np.asarray(stored), -1))
