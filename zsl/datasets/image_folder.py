"""Your own images: a folder per class and a file that says which classes are unseen.

The folder::

    birds/Barn_Swallow/0000.jpg …       one folder a class; the files in it with an image suffix are its images (names
                                        that begin with a dot are passed over, other files are counted and named;
                                        HEIC and raw photographs count as images that cannot be read)
    birds/Bobolink/0000.jpg …

The split file (YAML or JSON)::

    seen:   [Barn_Swallow, Bobolink]    classes with training images
    unseen: [Cactus_Wren]               classes without; all their images are test images
    val:    [Bobolink]                  optional: the seen classes that hyperparameters are chosen on
    train:  [Barn_Swallow/0000.jpg, …]  either two lists of images of seen classes …
    test:   [Barn_Swallow/0001.jpg, …]
    test_fraction: 0.2                  … or the share of every seen class that is tested on (0.2 if not given)
    seed: 0                             and the seed of that choice (0 if not given)

Without ``val`` a quarter of the seen classes serve for validation, always the same ones. With a fraction, the images of
a class are ranked by a hash of ``seed`` and their path, and the first ones are tested on: adding an image moves at most
one other. Images of seen classes that are on neither list are not used.
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
from zsl.features.cache import Entry, cached, key_part
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
    """The folder ``root``, divided by the file ``splits`` (a path of its own, or one below ``root``).

    Features are kept by the contents of the image file, the backbone's weights and its transform: after one image has
    changed, one row is computed. An image that cannot be read is an error that lists all such images, or left out and
    noted on the card (``on_unreadable="skip"``). The same file in training and in test, or under two labels, is an
    error; with ``on_duplicate="drop"`` it is left out of training in the first case and altogether in the second, with
    ``"allow"`` it stays. Copies within one class of one part are counted. ``attributes`` (see ``read_attributes``)
    become ``att`` and ``original_att``; ``texts`` (see `zsl.data.class_rows.read_texts`) are matched to the classes by
    name and become written descriptions, called by the headings of the table, or ``text``.

    Raises:
        InputError: folder, split file, attributes or texts are missing or do not fit together, an image cannot be read,
            or it lies where it may not.
    """
    require_policy(on_duplicate)
    if on_unreadable not in ("refuse", "skip"):
        raise InputError(f"image folder: data.on_unreadable={on_unreadable} does not exist; choose refuse or skip")
    folder, file = locate(root), locate(splits)
    if not folder.is_dir():
        raise InputError(f"image folder {folder}: no such folder; data.root names the one with a folder per class")
    file = file if os.path.lexists(file) or file.is_absolute() else locate(folder / file)
    plan = read_split_file(file)
    names = _names(plan.classes, file)
    rows = FeatureRows(Path(cache).expanduser(), backbone)
    found, undecoded, unused = find_images(folder, plan.classes, file)
    images, notes = readable(found, undecoded, rows, folder, on_unreadable == "skip")
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
    )


def _names(classes: Sequence[str], file: Path) -> tuple[str, ...]:
    """Folder names as one writes them in a sentence: ``002.Laysan_Albatross`` -> ``Laysan Albatross``."""
    names = [re.sub(r"^\d+\.", "", name).replace("_", " ").strip() or name for name in classes]
    for i, name in enumerate(names):
        if (first := names.index(name)) != i:
            raise InputError(f"{file}: classes {classes[first]!r} and {classes[i]!r} both read {name!r}; rename one")
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
    """The splits as ``data.on_duplicate`` wants them, and notes on what was found."""
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
            f"{file}: {key}: {path!r} is an image of an unseen class; take it off (all of these are test images anyway)"
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
