"""What a model is asked about: photographs, folders of photographs, and arrays of features, found and read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.data.class_names import require_names
from zsl.datasets.image_folder_images import ImageFile, picture_of
from zsl.errors import InputError, shortened
from zsl.features.decoding import suffixes
from zsl.files.array_file import ArrayFileError, read_array
from zsl.files.source_file import read_text
from zsl.progress.progress import progress

log = logging.getLogger(__name__)

ARRAYS = (".npy",)
UNKNOWN = -1
"""label of an image of unknown class"""
NAMED = 12
"""files that a message names before it counts the others"""


def photographs(paths: Sequence[Path]) -> list[ImageFile]:
    """Find the image files that these paths name: files, and folders at any depth, sorted by path.

    Files of a folder that are no images of a known suffix are named in the log.

    Raises:
        InputError: a path does not exist, a file cannot be read, or there is no image at all.
    """
    found: dict[Path, None] = {}
    unused: list[str] = []
    for path in paths:
        if path.is_file():
            found[path] = None
        elif path.is_dir():
            for each in sorted(path.rglob("*")):
                if each.is_file() and not any(part.startswith(".") for part in each.relative_to(path).parts):
                    if each.suffix.lower() in suffixes():
                        found[each] = None
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
    read = progress(list(found), "reading", "images")
    return [ImageFile(str(path), UNKNOWN, picture_of(path)) for path in read]


def labels(given: str, option: str) -> dict[str, str | None]:
    """Return class name -> description, or None for a name without one, of names between commas or of a file.

    A file has one name a line, which may be followed by a tab and the description; empty lines are left out.

    Args:
        given: names, or the path of the file.
        option: of the command line, for messages.

    Raises:
        InputError: there is no name, one cannot be used or stands twice, or the file cannot be read.
    """
    if "," not in given and _is_file(given):
        place = f"{option} {given}"
        lines = [line for line in read_text(Path(given), option).splitlines() if line.strip()]
    else:
        place, lines = option, given.split(",")
    pairs = [line.partition("\t") for line in lines]
    names = [name.strip() for name, _, _ in pairs]
    if not any(names):
        raise InputError(f"{option} {shortened(given, 100)}: names no class; give names separated by commas, or a file")
    require_names(names, place)
    return {name: text.strip() or None for name, (_, _, text) in zip(names, pairs, strict=True)}


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except OSError:  # longer than a path can be
        return False


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
