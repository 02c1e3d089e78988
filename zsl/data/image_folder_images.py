"""The images of an image folder: found, told apart by content, and decoded once before anything is computed."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from zsl.backbones.feature_rows import FeatureRows, Picture, progress
from zsl.backbones.preprocessing import on_white
from zsl.errors import InputError

log = logging.getLogger(__name__)

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
NAMED = 12
"""unreadable images that a message names before it counts the others"""


@dataclass(frozen=True)
class ImageFile:
    """One file of the folder: its path from the root, with slashes, its class, and its picture."""

    path: str
    label: int
    picture: Picture


def find_images(folder: Path, classes: Sequence[str], file: Path) -> list[ImageFile]:
    """All images of the classes that ``file`` lists, class by class, sorted by path.

    Raises:
        InputError: a class without a folder, a folder without an image, or a file that cannot be opened.
    """
    there = sorted(path.name for path in folder.iterdir() if path.is_dir())
    images = []
    for label, name in enumerate(classes):
        if name not in there:
            near = get_close_matches(name, there, 1)
            cure = f"did you mean {near[0]!r}?" if near else "make it, or take the class off the list"
            raise InputError(f"{file}: class {name!r} has no folder in {folder}; {cure}")
        files = sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
        if not files:
            raise InputError(f"image folder {folder / name}: no image in it; add some, or take the class off {file}")
        images += [(f"{name}/{path.name}", label, path) for path in files]
    return [
        ImageFile(path, label, Picture(digest := _digest(at), partial(decode, at, digest)))
        for path, label, at in progress(images, f"reading {len(images)} images")
    ]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"image {path}: {error.strerror}; make it readable or remove it") from error


def decode(path: Path, digest: str | None = None) -> Image.Image:
    """The image, all its pixels read; features are kept under its ``digest``, so it must still be that one.

    Raises:
        ValueError: saying why it cannot be read.
        InputError: the content of the file is no longer that of ``digest``.
    """
    content = path.read_bytes() if path.is_file() else b""
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise InputError(f"image {path}: changed while the folder was read; run again")
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            on_white(image)
            return image.copy()
    except UnidentifiedImageError as error:
        raise ValueError("is not an image" if content else "is empty") from error
    except Exception as error:  # the decoders of many formats raise many kinds
        raise ValueError(f"cannot be decoded: {error}") from error


def readable(
    images: Sequence[ImageFile], rows: FeatureRows, folder: Path, skip: bool
) -> tuple[list[ImageFile], dict[str, str]]:
    """The images that can be decoded, and why the others cannot; what has features already was decoded once.

    Raises:
        InputError: some cannot, and ``skip`` is false; the message lists them.
    """
    fresh = [image for image in images if rows.stored(image.picture.digest) is None]
    reasons: dict[str, str] = {}
    for image in progress(fresh, f"checking {len(fresh)} images"):
        try:
            image.picture.open()
        except InputError:
            raise
        except ValueError as error:
            reasons[image.path] = str(error)
    if reasons:
        found = [f"{path} {reason}" for path, reason in reasons.items()]
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        listed = f"image folder {folder}: {len(found)} unreadable: {'; '.join(found[:NAMED])}{more}"
        if not skip:
            raise InputError(f"{listed}. Replace or remove them, or set data.on_unreadable=skip")
        log.warning("%s: left out", listed)
    return [image for image in images if image.path not in reasons], reasons
