"""A user's own images: one folder per class, and a split file with seen and unseen classes.

The folder::

    birds/Barn_Swallow/0000.jpg …       one folder per class; the files with an image suffix are its images (names that
                                        begin with a dot are ignored, other files are counted and named; HEIC and raw
                                        photographs count as unreadable images)
    birds/Bobolink/0000.jpg …

The split file (YAML or JSON)::

    seen:   [Barn_Swallow, Bobolink]    classes with training images
    unseen: [Cactus_Wren]               classes without; all their images are test images
    val:    [Bobolink]                  optional: the seen classes on which hyperparameters are chosen
    train:  [Barn_Swallow/0000.jpg, …]  either two lists of images of seen classes …
    test:   [Barn_Swallow/0001.jpg, …]
    test_fraction: 0.2                  … or the share of test images in every seen class (default 0.2)
    seed: 0                             and the seed of the choice of test images (default 0)

Without ``val``, a fixed quarter of the seen classes are validation classes. With a fraction, the images of a class are
ranked by a hash of ``seed`` and their path, and the first images are test images: adding an image changes the part of
at most one other image. Images of seen classes that are in neither list are not used.

A split file of CoOp (:mod:`zsl.datasets.coop_split`) lists its images itself, wherever they lie below the folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.backbones.backbone import Backbone, identity
from zsl.data.dataset import Dataset
from zsl.data.duplicates import OnDuplicate, require_policy
from zsl.datasets.image_folder_images import ImageFile, find_images, listed_images, readable
from zsl.datasets.named_images import NamedImages, assembled, find_split_file, readable_names
from zsl.datasets.split_file import read_split_file
from zsl.errors import InputError, printable
from zsl.features.cache import Entry, before_long_work, cached, key_part
from zsl.features.rows import FeatureRows
from zsl.files.source_file import locate

log = logging.getLogger(__name__)


def load(
    root: str | Path,
    splits: str | Path,
    *,
    backbone: Backbone,
    cache: str | Path,
    on_unreadable: Literal["refuse", "skip"] = "refuse",
    on_duplicate: OnDuplicate = "refuse",
    attributes: str | Path | None = None,
    texts: str | Path | None = None,
) -> Dataset:
    """Load the images of the folder ``root`` with the split file ``splits`` (a path, or a path relative to ``root``).

    Features are cached by the content of the image file, the backbone's weights and its transform: after one image has
    changed, one row is computed. Unreadable images are an error that lists them, or are left out and noted on the card
    (``on_unreadable="skip"``). The same image in training and in test, or under two labels, is an error; with
    ``on_duplicate="drop"`` it is removed from training in the first case and from all splits in the second; with
    ``"allow"`` it is kept. Copies within one class of one part are counted. ``attributes`` (see ``read_attributes``)
    become ``att`` and ``original_att``; ``texts`` (see `zsl.data.class_rows.read_texts`) are matched to the classes by
    name and become written descriptions, called by the headings of the table, or ``text``.

    Raises:
        InputError: folder, split file, attributes or texts are missing or inconsistent, an image cannot be read, or an
            image is in a split in which it may not be.
    """
    require_policy(on_duplicate)
    if on_unreadable not in ("refuse", "skip"):
        raise InputError(f"data.on_unreadable={on_unreadable} is unknown; choose refuse or skip")
    folder = locate(root)
    if not folder.is_dir():
        raise InputError(
            f"image folder {folder}: no such folder; set data.root to the folder with one folder per class"
        )
    file = find_split_file(splits, folder)
    plan = read_split_file(file)
    readable_names(plan.classes, file)
    before_long_work()  # every image is read
    rows = FeatureRows(Path(cache).expanduser(), backbone)
    if plan.label_of is None:
        found, undecoded, unused = find_images(folder, plan.classes, file)
    else:
        found, undecoded, unused = listed_images(folder, plan.label_of, file), {}, ""
    images, left_out = readable(
        found, undecoded, rows, f"image folder {folder}", on_unreadable == "skip", "set data.on_unreadable=skip"
    )
    if unused:
        log.warning("image folder %s: %s", folder, unused)
    named = NamedImages(
        f"image folder {folder}",
        printable(folder.resolve().name),
        [image.path for image in images],
        [image.picture.digest for image in images],
        np.array([image.label for image in images], dtype=np.int64),
        left_out,
        identity(backbone),
        [unused] if unused else [],
        lambda row: images[row].picture.open(),
    )
    features = partial(_features, images, rows, Path(cache).expanduser(), folder)
    return assembled(named, file, on_duplicate, attributes, texts, features)


def _features(images: Sequence[ImageFile], rows: FeatureRows, cache: Path, folder: Path) -> Float32[Array, "n d"]:
    pictures = [image.picture for image in images]
    digests = hashlib.sha256("\n".join(picture.digest for picture in pictures).encode()).hexdigest()
    source = {"images": digests, "backbone": [rows.backbone.name, rows.backbone.transform]}
    key = (
        f"image_folder/{key_part(folder.resolve().name)}-{hashlib.sha256(json.dumps(source).encode()).hexdigest()[:16]}"
    )
    entry = cached(cache, key, source, lambda: Entry({"features": rows(pictures, folder.name)}, {"n": len(pictures)}))
    return entry.arrays["features"]
