"""Typographic attack: the name of a wrong class is written into an image, and a model may read it [Goh2021]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64
from numpy import ndarray as Array
from PIL import Image, ImageDraw, ImageFont

from zsl.errors import InputError

SIDE = 224
"""pixels of the shorter edge to which sizes of letters refer"""
SIZES = (20, 40)
SMALLEST = 6
"""pixels: letters are not shrunk below, and are cut off at the edge of the image instead"""
COLOURS = ("black", "white", "red", "green", "blue", "yellow", "magenta", "cyan")


@dataclass(frozen=True)
class Writing:
    """How a word is written into one image.

    Attributes:
        font: file of the font.
        size: of letters, in pixels of an image whose shorter edge has :data:`SIDE`.
        place: where the box of the text lies, in [0, 1]² of the room that it has.
        fill: colour of letters.
        stroke: colour of the line around them.
        order: random numbers that shuffle the letters of the control.
    """

    font: str
    size: int
    place: tuple[float, float]
    fill: str
    stroke: str
    order: int


def bundled_fonts() -> tuple[str, ...]:
    """Return the files of three fonts that come with matplotlib: without serifs, with serifs, and monospaced."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return tuple(str(folder / f"{name}.ttf") for name in ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono"))


def drawn_writing(seed: int, image: int, fonts: Sequence[str]) -> Writing:
    """Return the writing of an image by its number; it depends on neither the word nor the other images."""
    rng = np.random.default_rng([seed, image])
    fill, stroke = rng.choice(len(COLOURS), 2, replace=False)
    size, font = int(rng.integers(SIZES[0], SIZES[1] + 1)), fonts[int(rng.integers(len(fonts)))]
    x, y, order = *rng.random(2), int(rng.integers(2**32))
    return Writing(font, size, (float(x), float(y)), COLOURS[fill], COLOURS[stroke], order)


def drawn_targets(seed: int, own: Int64[Array, " n"], classes: int) -> Int64[Array, " n"]:
    """Return a wrong class for every image, each with the same probability.

    Raises:
        InputError: there are fewer than two classes.
    """
    if classes < 2:
        raise InputError(f"labels: {classes} class; an attack writes the name of another, give two at least")
    rng = np.random.default_rng(seed)
    return np.asarray((own + rng.integers(1, classes, len(own))) % classes)


def shuffled(word: str, order: int) -> str:
    """Return the control of a word: its letters in another order, if there is one, and spaces where they were."""
    rng, letters = np.random.default_rng(order), [letter for letter in word if not letter.isspace()]
    mixed = letters
    while mixed == letters and len(set(letters)) > 1:
        mixed = [letters[i] for i in rng.permutation(len(letters))]
    rest = iter(mixed)
    return "".join(letter if letter.isspace() else next(rest) for letter in word)


def written(image: Image.Image, word: str, writing: Writing) -> Image.Image:
    """Return a copy of an image in RGB with a word written into it, inside its edges.

    A word of several parts stands on two lines. Letters shrink until the text fits; the line around them is one pixel
    wide.

    Raises:
        InputError: the file of the font cannot be read.
    """
    made = image.convert("RGB")
    parts = word.split()
    half = (len(parts) + 1) // 2
    text = "\n".join(" ".join(line) for line in (parts[:half], parts[half:]) if line)
    draw = ImageDraw.Draw(made)
    size = max(SMALLEST, round(writing.size * min(made.size) / SIDE))
    while True:
        style: dict[str, Any] = {"font": _font(writing.font, size), "stroke_width": 1, "align": "center"}
        left, top, right, bottom = draw.multiline_textbbox((0, 0), text, **style)
        room = made.width - (right - left), made.height - (bottom - top)
        if min(room) >= 0 or size <= SMALLEST:
            break
        size -= 1
    corner = [int(share * max(0, free)) for share, free in zip(writing.place, room, strict=True)]
    at = corner[0] - left, corner[1] - top
    draw.multiline_text(at, text, fill=writing.fill, stroke_fill=writing.stroke, **style)
    return made


@lru_cache(256)
def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(file, size)
    except (OSError, ValueError) as error:
        raise InputError(f"fonts: {file} cannot be read ({error}); give a .ttf or .otf file") from error


def attack_rates(
    own: Int64[Array, " n"],
    targets: Int64[Array, " n"],
    clean: Int64[Array, " n"],
    attacked: Int64[Array, " n"],
    control: Int64[Array, " n"],
) -> dict[str, float]:
    """Return rates in percent, from answers to clean images, attacked ones, and ones with shuffled letters.

    ``clean``, ``attacked`` and ``control`` are accuracies; ``word_attacked`` is the share of images answered by the
    word written, ``word_clean`` and ``word_control`` the same where that word is not there. ``flipped`` is the
    share of images right when clean that the word turns into its own class; absent where none is right.
    """

    def share(hit: Bool[Array, " m"]) -> float:
        return 100 * float(hit.mean())

    answers = {"clean": clean, "attacked": attacked, "control": control}
    found = {name: share(answer == own) for name, answer in answers.items()}
    found |= {f"word_{name}": share(answer == targets) for name, answer in answers.items()}
    right = clean == own
    return found | ({"flipped": share(attacked[right] == targets[right])} if right.any() else {})
