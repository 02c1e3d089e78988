"""What a model is asked about: photographs, folders of photographs, and arrays of features, found and read."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array
from PIL.Image import Image

from zsl.backbones.backbone import Backbone
from zsl.datasets.image_folder_images import decode, suffixes
from zsl.errors import InputError
from zsl.features.rows import FeatureRows, Picture, progress
from zsl.files.array_file import ArrayFileError, read_array

log = logging.getLogger(__name__)

ARRAYS = (".npy",)
NAMED = 12
"""files that a message names before it counts the others"""


@dataclass(frozen=True)
class Photograph:
    """One image file, with the name of the folder that it lies in."""

    path: Path
    folder: str

    def open(self) -> Image:
        """Decode it.

        Raises:
            ValueError: it cannot be decoded; the message says why.
        """
        return decode(self.path)


def photographs(paths: Sequence[Path]) -> list[Photograph]:
    """Find the image files that these paths name: files, and folders at any depth, sorted by path.

    Files of a folder that are no images of a known suffix are named in the log.

    Raises:
        InputError: a path does not exist, or there is no image at all.
    """
    found: dict[Path, Photograph] = {}
    unused: list[str] = []
    for path in paths:
        if path.is_file():
            found[path] = Photograph(path, path.parent.name)
        elif path.is_dir():
            for each in sorted(path.rglob("*")):
                if each.is_file() and not any(part.startswith(".") for part in each.relative_to(path).parts):
                    if each.suffix.lower() in suffixes():
                        found[each] = Photograph(each, each.parent.name)
                    else:
                        unused.append(str(each))
        else:
            raise InputError(f"{path}: no such file or folder; give images, folders of images, or a .npy of features")
    if unused:
        more = f" and {len(unused) - NAMED} more" if len(unused) > NAMED else ""
        log.warning("not used, for their suffix is of no known image: %s%s", ", ".join(unused[:NAMED]), more)
    if not found:
        given = ", ".join(map(str, paths))
        raise InputError(f"{given}: no image in it; known suffixes are {', '.join(sorted(suffixes()))}")
    return list(found.values())


def readable(images: Sequence[Photograph], skip: bool) -> list[Photograph]:
    """Return the images that can be decoded.

    Raises:
        InputError: some cannot, and ``skip`` is false; the message names them.
    """
    good, bad = [], []
    for image in progress(images, f"checking {len(images)} images"):
        try:
            image.open()
            good.append(image)
        except ValueError as error:
            bad.append(f"{image.path} {error}")
    if bad:
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        listed = f"{len(bad)} of {len(images)} images are unreadable: {'; '.join(bad[:NAMED])}{more}"
        if not skip or not good:
            raise InputError(f"{listed}. Replace or remove them, or add --skip-unreadable")
        log.warning("%s: left out", listed)
    return good


def encoded(images: Sequence[Photograph], backbone: Backbone, cache: Path) -> Float32[Array, "n d"]:
    """Encode images by a backbone, with a progress bar; what was encoded once is read from the cache."""
    pictures = []
    for image in images:
        digest = hashlib.sha256(image.path.read_bytes()).hexdigest()
        pictures.append(Picture(digest, partial(decode, image.path, digest)))
    return FeatureRows(cache, backbone)(pictures)


def features(path: Path) -> Float32[Array, "n d"]:
    """Read a matrix of features, one row an image, from a ``.npy`` file.

    Raises:
        InputError: the file cannot be read, or is no matrix of finite numbers.
    """
    try:
        x = read_array(path)
    except (OSError, ArrayFileError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: {reason}; save numbers with numpy.save") from error
    if x.ndim != 2 or x.dtype.kind not in "fiu" or not np.isfinite(x).all():
        raise InputError(f"{path}: shape {x.shape}, {x.dtype}; give a matrix of finite numbers, one row an image")
    return np.asarray(x, dtype=np.float32)
