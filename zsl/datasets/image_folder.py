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
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Container, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int64
from numpy import ndarray as Array

from zsl.backbones.backbone import Backbone
from zsl.data.class_rows import read_texts
from zsl.data.dataset import Card, ClassDescriptions, Dataset, Splits
from zsl.data.duplicates import Duplicates, OnDuplicate, listed, require_policy
from zsl.data.fingerprint import fingerprints
from zsl.data.splits import SplitsOrigin, audit
from zsl.datasets.image_folder_attributes import read_attributes
from zsl.datasets.image_folder_images import ImageFile, find_images, readable
from zsl.datasets.split_file import SplitFile, by_class, read_split_file, require_images, tested
from zsl.errors import InputError, printable
from zsl.features.cache import Entry, before_long_work, cached, key_part
from zsl.features.rows import FeatureRows
from zsl.files.source_file import composed, locate

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
    folder, file = locate(root), locate(splits)
    if not folder.is_dir():
        raise InputError(
            f"image folder {folder}: no such folder; set data.root to the folder with one folder per class"
        )
    file = file if os.path.lexists(file) or file.is_absolute() else locate(folder / file)
    plan = read_split_file(file)
    names = _names(plan.classes, file)
    before_long_work()  # every image is read
    rows = FeatureRows(Path(cache).expanduser(), backbone)
    found, undecoded, unused = find_images(folder, plan.classes, file)
    images, notes = readable(
        found, undecoded, rows, f"image folder {folder}", on_unreadable == "skip", "set data.on_unreadable=skip"
    )
    labels = np.array([image.label for image in images], dtype=np.int64)
    parts = _splits(images, labels, plan, file, frozenset(notes))
    parts, copies = _without_duplicates(images, labels, parts, folder, on_duplicate)
    require_images(parts.trainval, parts.test_unseen, labels, plan, file)
    audit(parts, labels, SplitsOrigin(str(file), {"trainval": "train", "test_seen": "test", "test_unseen": "unseen"}))
    written = {} if texts is None else read_texts(texts, "data.texts", plan.classes)
    matrices = {} if attributes is None else read_attributes(Path(attributes), plan.classes)
    features = _features(images, rows, Path(cache).expanduser(), folder)
    if unused:
        log.warning("image folder %s: %s", folder, unused)
    name = printable(folder.resolve().name)
    return Dataset(
        name=name,
        features=features,
        labels=labels,
        classes=ClassDescriptions(names, matrices, written),
        splits=parts,
        card=Card(
            f"{name}: {len(images)} images, {len(plan.seen)} seen and {len(plan.unseen)} unseen classes",
            notes=(
                *(f"left out: {path} {reason}" for path, reason in notes.items()),
                *([unused] if unused else []),
                *copies,
            ),
        ),
        fingerprints=fingerprints(features, labels, parts),
        picture=lambda row: images[row].picture.open(),
        images=tuple(image.path for image in images),
    )


def _names(classes: Sequence[str], file: Path) -> tuple[str, ...]:
    """Return folder names as plain text: ``002.Laysan_Albatross`` -> ``Laysan Albatross``."""
    names = [re.sub(r"^\d+\.", "", name).replace("_", " ").strip() or name for name in classes]
    for i, name in enumerate(names):
        if (first := names.index(name)) != i:
            raise InputError(f"{file}: classes {classes[first]!r} and {classes[i]!r} both become {name!r}; rename one")
    return tuple(names)


def _splits(
    images: Sequence[ImageFile], labels: Int64[Array, " n"], plan: SplitFile[str], file: Path, skipped: Container[str]
) -> Splits:
    seen = labels < len(plan.seen)
    if plan.train is not None and plan.test is not None:
        row = {image.path: i for i, image in enumerate(images)}
        trainval = _listed("train", plan.train, row, seen, file, skipped)
        test_seen = _listed("test", plan.test, row, seen, file, skipped)
    else:
        is_test = tested([image.path for image in images], labels, plan)
        trainval, test_seen = np.flatnonzero(seen & ~is_test), np.flatnonzero(seen & is_test)
    return by_class(plan, labels, trainval, test_seen, file)


def _without_duplicates(
    images: Sequence[ImageFile], labels: Int64[Array, " n"], parts: Splits, folder: Path, policy: OnDuplicate
) -> tuple[Splits, list[str]]:
    """Apply ``data.on_duplicate`` to the splits, and return them with notes on the duplicates found."""
    found = Duplicates.of([image.picture.digest for image in images], labels, parts)
    notes = []
    if found.surplus:
        which = listed(found.within, lambda row: images[row].path)
        notes.append(f"{found.surplus} images repeat another one of their class, both in training or in test: {which}")
        log.warning("image folder %s: %s", folder, notes[-1])
    if leaks := found.leaks:
        which = listed(leaks, lambda row: images[row].path)
        what = f"{len(leaks)} images are in training and in test, or of two classes, at once: {which}"
        if policy == "refuse":
            raise InputError(
                f"data.on_duplicate=refuse: {what}; remove the copies from {folder}, or set data.on_duplicate=drop"
            )
        notes.append(f"data.on_duplicate={policy}: {what}")
        if policy == "drop":
            log.warning("image folder %s: left out, %s", folder, what)
            parts = found.without(parts)
    return parts, notes


def _listed(
    key: str,
    paths: Sequence[str],
    row: Mapping[str, int],
    seen: Bool[Array, " n"],
    file: Path,
    skipped: Container[str],
) -> Int64[Array, " m"]:
    paths = [composed(path) for path in paths]
    for path in paths:
        if path not in row and path not in skipped:
            near = get_close_matches(path, row, 1)
            raise InputError(f"{file}: {key}: no image {path!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    rows = np.array(sorted(row[path] for path in paths if path in row), dtype=np.int64)
    for i in rows[~seen[rows]]:
        path = next(path for path in paths if row.get(path) == i)
        raise InputError(
            f"{file}: {key}: {path!r} is an image of an unseen class; remove it (images of unseen classes are always "
            "test images)"
        )
    return rows


def _features(images: Sequence[ImageFile], rows: FeatureRows, cache: Path, folder: Path) -> Float32[Array, "n d"]:
    pictures = [image.picture for image in images]
    digests = hashlib.sha256("\n".join(picture.digest for picture in pictures).encode()).hexdigest()
    source = {"images": digests, "backbone": [rows.backbone.name, rows.backbone.transform]}
    key = (
        f"image_folder/{key_part(folder.resolve().name)}-{hashlib.sha256(json.dumps(source).encode()).hexdigest()[:16]}"
    )
    entry = cached(cache, key, source, lambda: Entry({"features": rows(pictures, folder.name)}, {"n": len(pictures)}))
    return entry.arrays["features"]
