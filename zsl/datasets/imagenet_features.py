"""Features of ImageNet for :mod:`zsl.datasets.imagenet`: MATLAB files, converted once to memory maps, and stores."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64
from numpy import ndarray as Array

from zsl.data.pretraining import backbone_note, named_backbone, pretraining_notes
from zsl.data.row_blocks import RowBlocks
from zsl.errors import InputError
from zsl.features.cache import Entry, cached, key_part
from zsl.features.store import open_store
from zsl.files import matlab
from zsl.files.source_file import locate, require_file

WHOLE = 2**31
"""exclusive upper bound of a class number"""


@dataclass(frozen=True)
class Part:
    """Features of some images in memory maps, with the classes of the images.

    ``labels`` are positions in ``wnids``, or numbers of classes counted from 0 where ``wnids`` is None; -1 is no class.
    """

    place: str
    blocks: tuple[Float32[Array, "n d"], ...]
    labels: Int64[Array, " n"]
    held_out: bool
    """whether images of seen classes are for tests alone"""
    wnids: tuple[str, ...] | None = None
    images: Sequence[str] = ()
    backbone: Mapping[str, Any] = field(default_factory=dict)

    def numbers(self, wnids: Mapping[str, int]) -> Int64[Array, " n"]:
        """Return the labels as positions in a list of all classes, -1 for classes that it lacks.

        Raises:
            InputError: a number is not that of a class.
        """
        if self.wnids is None:
            if len(self.labels) and self.labels.max() >= len(wnids):
                raise InputError(
                    f"{self.place}: label {self.labels.max() + 1} is no class, of which there are {len(wnids)}; give "
                    "the list of classes of these features with data.classes"
                )
            return self.labels
        place = np.array([wnids.get(wnid, -1) for wnid in self.wnids] + [-1])
        return np.asarray(place[self.labels], dtype=np.int64)


@dataclass(frozen=True)
class Images:
    """Images of all files, used or not."""

    parts: Sequence[Part]
    features: Float32[Array, "n d"] | RowBlocks
    held: Bool[Array, " n"]
    """whether an image is for tests alone if its class is seen"""

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the names of the images where all have one."""
        paths = tuple(image for part in self.parts for image in part.images)
        return paths if len(paths) == len(self.held) else ()

    @property
    def backbone(self) -> str:
        """Return name and transform of the backbone of the stores; empty where there is none."""
        return next((named_backbone(part.backbone) for part in self.parts if part.backbone), "")

    def notes(self, names: Sequence[str], seen: Bool[Array, " c"]) -> Sequence[str]:
        """Return the name of the backbone and what is known of its pretraining, each note once."""
        known = (pretraining_notes(part.backbone, names, seen) for part in self.parts if part.backbone)
        named = [backbone_note(self.backbone)] if self.backbone else []
        return list(dict.fromkeys([*named, *(note for notes in known for note in notes)]))


def open_images(folder: Path, features: list[str] | str, held_out: list[str] | str | None, cache: Path) -> Images:
    """Open all files of features, folders that ``zsl extract`` wrote or MATLAB files, as one matrix.

    A MATLAB file has ``features`` and ``labels`` (numbers of classes counted from 1), and optionally ``features_val``
    and ``labels_val``, held-out images of seen classes. Images lie along either axis of a matrix.

    Args:
        folder: that paths are relative to.
        features: paths.
        held_out: further paths, whose images of seen classes are for tests alone.
        cache: where MATLAB files are kept as memory maps.

    Raises:
        InputError: a path is neither, a key is missing, shapes or values are wrong, or features are of several
            backbones.
    """
    parts = [
        part
        for given, held in ((features, False), (held_out or [], True))
        for path in ([given] if isinstance(given, str) else given)
        for part in _parts(locate(folder / path), cache, held)
    ]
    if not parts:
        raise InputError("data.features: lists no file; give folders that zsl extract wrote, or .mat files")
    blocks = [block for part in parts for block in part.blocks]
    for part in parts:
        if (d := part.blocks[0].shape[1]) != blocks[0].shape[1]:
            raise InputError(
                f"data.features: {part.place} has {d} features an image, {parts[0].place} {blocks[0].shape[1]}; give "
                "features of one backbone"
            )
    stores = [part for part in parts if part.backbone]
    for part in stores:
        if part.backbone != stores[0].backbone:
            both = f"{part.place} and {stores[0].place}"
            raise InputError(f"data.features: {both} are of different backbones; extract with one backbone")
    held = np.repeat([part.held_out for part in parts], [len(part.labels) for part in parts])
    return Images(parts, blocks[0] if len(blocks) == 1 else RowBlocks(blocks), held)


def _parts(path: Path, cache: Path, held_out: bool) -> list[Part]:
    if path.is_dir():
        store = open_store(path)
        if store.features.ndim != 2:
            raise InputError(f"data.features {path}: holds several vectors an image; extract with another pooling")
        part = Part(
            str(path), store.features.blocks, store.labels, held_out, store.classes, store.names, store.backbone
        )
        return [part]
    file = require_file(path, "data.features", "give folders that zsl extract wrote, or .mat files")
    digest = hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:12]
    cache, parts = cache.expanduser(), []
    for suffix in ("", "_val"):
        key = f"imagenet/{key_part(file.stem)}{suffix}-{digest}"
        scratch = (cache / key).with_name(f".{Path(key).name}.{uuid.uuid4().hex}")  # removed if this process is killed
        try:
            entry = cached(cache, key, {}, partial(_converted, file, suffix, scratch), [file])
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if len(entry.arrays["labels"]):
            labels = np.asarray(entry.arrays["labels"])
            parts.append(Part(str(file), (entry.arrays["features"],), labels, held_out or suffix == "_val"))
    return parts


def _converted(file: Path, suffix: str, scratch: Path) -> Entry:
    """Convert one pair of variables; features go through a file in ``scratch`` and never lie in memory as a whole."""
    key = f"features{suffix}"
    labels = matlab.read(file, (f"labels{suffix}",)).get(f"labels{suffix}")
    if labels is None:
        if not suffix:
            raise InputError(f"{file}: key 'labels' is missing; give a file of features and labels")
        if matlab.holds(file, key):
            raise InputError(f"{file}: has {key!r}, but no 'labels{suffix}'; add them, or take {key!r} out")
        return Entry({"features": np.zeros((0, 1), np.float32), "labels": np.zeros(0, np.int64)}, {})
    numbers = _numbers(labels, f"{file}: labels{suffix}")
    blocks = matlab.row_blocks(file, key, len(numbers))
    first = next(blocks, None)
    if first is None:
        raise InputError(f"{file}: key {key!r} is missing, or labels{suffix} is empty; give features with labels")
    scratch.mkdir()
    x = np.memmap(scratch / "features", np.float32, "w+", shape=(len(numbers), first.shape[1]))
    start = 0
    for block in _finite(chain((first,), blocks), f"{file}: {key}"):
        x[start : start + len(block)] = block
        start += len(block)
    return Entry({"features": x, "labels": numbers - 1}, {})


def _finite(blocks: Iterator[Array], place: str) -> Iterator[Float32[Array, "block d"]]:
    start = 0
    for block in blocks:
        with np.errstate(over="ignore", invalid="ignore"):
            x = block.astype(np.float32)
        bad = ~np.isfinite(x).all(axis=1)
        if bad.any():
            raise InputError(f"{place}: image {start + int(bad.argmax()) + 1} is not finite; extract it again")
        start += len(x)
        yield x


def _numbers(labels: Array, place: str) -> Int64[Array, " n"]:
    flat = labels.ravel()
    bad = ~((flat >= 1) & (flat < WHOLE) & (flat == np.round(flat)))
    if bad.any():
        raise InputError(f"{place} entry {int(bad.argmax()) + 1} is {flat[bad][0]}; give numbers counted from 1")
    return flat.astype(np.int64)
