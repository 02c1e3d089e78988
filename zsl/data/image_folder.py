"""Your own images: a folder per class and a file that says which classes are unseen.

The folder::

    birds/Barn_Swallow/0000.jpg …       one folder a class; the files in it with an image suffix are its images
    birds/Bobolink/0000.jpg …

The split file (YAML or JSON)::

    seen:   [Barn_Swallow, Bobolink]    classes with training images
    unseen: [Cactus_Wren]               classes without; all their images are test images
    val:    [Bobolink]                  optional: the seen classes that hyperparameters are chosen on
    train:  [Barn_Swallow/0000.jpg, …]  either two lists of images of seen classes …
    test:   [Barn_Swallow/0001.jpg, …]
    test_fraction: 0.2                  … or the share of every seen class that is tested on (0.2 if not given)
    seed: 0                             and the seed of that choice (0 if not given)

Without ``val`` a quarter of the seen classes serve for validation, always the same ones. With a fraction, the images of a
class are ranked by a hash of ``seed`` and their path, and the first ones are tested on: adding an image moves at most
one other. Seen images on neither list are not used.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array
from PIL import Image, UnidentifiedImageError

from zsl.backbones.backbone import Backbone
from zsl.backbones.feature_rows import FeatureRows, Picture, progress
from zsl.backbones.preprocessing import on_white
from zsl.data.dataset import Card, ClassDescriptions, Dataset, Splits
from zsl.data.feature_cache import Entry, cached
from zsl.data.fingerprint import fingerprints
from zsl.data.image_folder_attributes import read_attributes
from zsl.data.image_folder_split import SplitFile, read_split_file
from zsl.data.splits import Source, audit, divide
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


def load(
    root: str | Path,
    splits: str | Path,
    *,
    backbone: Backbone,
    cache: str | Path,
    on_unreadable: Literal["refuse", "skip"] = "refuse",
    attributes: str | Path | None = None,
) -> Dataset:
    """The folder ``root``, divided by the file ``splits`` (a path of its own, or one below ``root``).

    Features are kept by the contents of the image file, the backbone's weights and its transform: after one image has
    changed, one row is computed. An image that cannot be read is an error that lists all such images, or left out and
    noted on the card (``on_unreadable="skip"``). ``attributes`` (see ``read_attributes``) become ``att`` and
    ``original_att``.

    Raises:
        InputError: folder, split file or attributes are missing or do not fit together.
    """
    if on_unreadable not in ("refuse", "skip"):
        raise InputError(f"image folder: data.on_unreadable={on_unreadable} does not exist; choose refuse or skip")
    folder, file = Path(root).expanduser(), Path(splits).expanduser()
    if not folder.is_dir():
        raise InputError(f"image folder {folder}: no such folder; data.root names the one that holds a folder per class")
    file = file if file.exists() or file.is_absolute() else folder / file
    plan = read_split_file(file)
    names = _names(plan.classes, file)
    rows = FeatureRows(Path(cache).expanduser(), backbone)
    images, notes = _readable(_images(folder, plan, file), rows, folder, on_unreadable == "skip")
    labels = np.array([image.label for image in images], dtype=np.int64)
    parts = _splits(images, labels, plan, file, frozenset(notes))
    audit(parts, labels, Source(str(file)))
    matrices = {} if attributes is None else read_attributes(Path(attributes).expanduser(), plan.classes)
    features = _features(images, rows, Path(cache).expanduser(), folder)
    return Dataset(
        name=folder.resolve().name,
        features=features,
        labels=labels,
        classes=ClassDescriptions(names, matrices),
        splits=parts,
        card=Card(
            f"{folder}: {len(images)} images, {len(plan.seen)} seen and {len(plan.unseen)} unseen classes",
            notes=tuple(f"left out: {path} {reason}" for path, reason in notes.items()),
        ),
        fingerprints=fingerprints(features, labels, parts),
    )
