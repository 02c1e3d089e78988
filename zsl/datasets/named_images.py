"""Images with names and classes, as a data set: the split file, the audit of duplicates, descriptions and notes."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64
from numpy import ndarray as Array
from PIL.Image import Image

from zsl.data.class_rows import read_texts
from zsl.data.dataset import Card, ClassDescriptions, Dataset, Splits
from zsl.data.duplicates import Duplicates, OnDuplicate, listed
from zsl.data.fingerprint import fingerprints
from zsl.data.pretraining import backbone_note, named_backbone, pretraining_notes
from zsl.data.row_blocks import RowBlocks
from zsl.data.splits import SplitsOrigin, audit
from zsl.datasets.image_folder_attributes import read_attributes
from zsl.datasets.split_file import SplitFile, by_class, read_split_file, require_images, tested
from zsl.errors import InputError
from zsl.files.source_file import composed, locate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NamedImages:
    """Images of a data set.

    Attributes:
        place: what holds them, for messages, such as ``image folder birds``.
        name: of the data set.
        paths: names of the images.
        digests: of their contents.
        labels: positions in the classes of the split file, or -1 for images of other classes.
        left_out: name -> reason, of images that cannot be decoded.
        backbone: what encodes them (:func:`zsl.backbones.backbone.identity`).
        notes: further notes for the card.
        picture: opens the image of a row; None where there are features alone.
    """

    place: str
    name: str
    paths: Sequence[str]
    digests: Sequence[str]
    labels: Int64[Array, " n"]
    left_out: Mapping[str, str]
    backbone: Mapping[str, Any]
    notes: Sequence[str] = field(default=())
    picture: Callable[[int], Image] | None = None


def find_split_file(splits: str | Path, root: Path) -> Path:
    """Return the path of a split file, which may be relative to the folder of the images."""
    file = locate(splits)
    return file if os.path.lexists(file) or file.is_absolute() else locate(root / file)


def assembled(
    images: NamedImages,
    file: Path,
    on_duplicate: OnDuplicate,
    attributes: str | Path | None,
    texts: str | Path | None,
    features: Callable[[], Float32[Array, "n d"] | RowBlocks],
    digest: str | None = None,
) -> Dataset:
    """Return the data set that a split file makes of images.

    Args:
        images: in the order of the features.
        file: split file.
        on_duplicate: what becomes of the same image in training and in test, or under two labels.
        attributes: file of attributes, or None.
        texts: file or folder of descriptions, or None.
        features: computes or opens the features; called after all else was checked.
        digest: fingerprint of the features, if it is known.

    Raises:
        InputError: split file, attributes or texts do not fit the images, or an image is in a split in which it may not
            be.
    """
    plan, labels = read_split_file(file), images.labels
    names = readable_names(plan.classes, file)
    parts = _splits(images.paths, labels, plan, file, frozenset(images.left_out))
    parts, copies = _without_duplicates(images, parts, on_duplicate)
    require_images(parts.trainval, parts.test_unseen, labels, plan, file)
    audit(parts, labels, SplitsOrigin(str(file), {"trainval": "train", "test_seen": "test", "test_unseen": "unseen"}))
    written = {} if texts is None else read_texts(texts, "data.texts", plan.classes)
    matrices = {} if attributes is None else read_attributes(Path(attributes), plan.classes)
    x = features()
    used = int((labels >= 0).sum())
    left_out = (f"left out: {path} {reason}" for path, reason in images.left_out.items())
    backbone = named_backbone(images.backbone)
    trained = pretraining_notes(images.backbone, names, np.arange(len(names)) < len(plan.seen))
    return Dataset(
        name=images.name,
        features=x,
        labels=labels,
        classes=ClassDescriptions(names, matrices, written),
        splits=parts,
        card=Card(
            f"{images.name}: {used} images, {len(plan.seen)} seen and {len(plan.unseen)} unseen classes",
            notes=(*left_out, *images.notes, *copies, backbone_note(backbone), *trained),
        ),
        fingerprints=fingerprints(x, labels, parts, known=digest),
        picture=images.picture,
        images=tuple(images.paths),
        backbone=backbone,
    )


def readable_names(classes: Sequence[str], file: Path) -> tuple[str, ...]:
    """Return folder names as plain text: ``002.Laysan_Albatross`` -> ``Laysan Albatross``."""
    names = [re.sub(r"^\d+\.", "", name).replace("_", " ").strip() or name for name in classes]
    place: dict[str, int] = {}
    for i, name in enumerate(names):
        if (first := place.setdefault(name, i)) != i:
            raise InputError(f"{file}: classes {classes[first]!r} and {classes[i]!r} both become {name!r}; rename one")
    return tuple(names)


def _splits(
    paths: Sequence[str], labels: Int64[Array, " n"], plan: SplitFile[str], file: Path, skipped: Container[str]
) -> Splits:
    seen = (labels >= 0) & (labels < len(plan.seen))
    if plan.train is not None and plan.test is not None:
        row = {path: i for i, path in enumerate(paths)}
        trainval = _listed("train", plan.train, row, seen, file, skipped)
        test_seen = _listed("test", plan.test, row, seen, file, skipped)
    else:
        is_test = tested(paths, labels, plan)
        trainval, test_seen = np.flatnonzero(seen & ~is_test), np.flatnonzero(seen & is_test)
    return by_class(plan, labels, trainval, test_seen, file)


def _without_duplicates(images: NamedImages, parts: Splits, policy: OnDuplicate) -> tuple[Splits, list[str]]:
    """Apply ``data.on_duplicate`` to the splits, and return them with notes on the duplicates found."""
    found = Duplicates.of(images.digests, images.labels, parts)
    notes = []
    if found.surplus:
        which = listed(found.within, lambda row: images.paths[row])
        notes.append(f"{found.surplus} images repeat another one of their class, both in training or in test: {which}")
        log.warning("%s: %s", images.place, notes[-1])
    if leaks := found.leaks:
        which = listed(leaks, lambda row: images.paths[row])
        what = f"{len(leaks)} images are in training and in test, or of two classes, at once: {which}"
        if policy == "refuse":
            raise InputError(
                f"data.on_duplicate=refuse: {what}; remove the copies from {images.place}, or set "
                "data.on_duplicate=drop"
            )
        notes.append(f"data.on_duplicate={policy}: {what}")
        if policy == "drop":
            log.warning("%s: left out, %s", images.place, what)
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
