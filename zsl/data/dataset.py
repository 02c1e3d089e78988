"""Data sets in memory: features, labels, class descriptions and splits, with the checks that all of them pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numpy import ndarray as Array

from zsl.data.class_names import placeholders, require_names
from zsl.data.hierarchy import Hierarchy
from zsl.data.row_blocks import RowBlocks
from zsl.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

SHA256 = re.compile(r"[0-9a-f]{64}")
BLOCK = 4096
"""images whose features are checked together"""


@dataclass(frozen=True)
class ClassDescriptions:
    """Names, attributes and texts of classes, from which class embeddings are made.

    ``names`` are spelled as in the data set; ``matrices`` hold numeric descriptions, one row per class (such as
    ``att``, ``original_att``); ``texts`` hold written descriptions, one string per class (such as ``keywords``).
    ``numbers`` are the positions of these classes among the ``total`` classes of the data set; by default all classes.
    """

    names: tuple[str, ...]
    matrices: Mapping[str, Float64[Array, "classes k"]] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: tuple[int, ...] = ()
    total: int = 0

    def __post_init__(self) -> None:
        if not self.numbers:
            object.__setattr__(self, "numbers", tuple(range(len(self.names))))
            object.__setattr__(self, "total", len(self.names))

    def readable_names(self) -> tuple[str, ...]:
        """Return the names, for class embeddings that are computed from their meaning.

        Raises:
            InputError: the names have no meaning: all are placeholders, such as ``class 1`` where a split file has no
                names.
        """
        if placeholders(self.names):
            raise InputError(
                f"class embedding: the data set has no class names, only placeholders such as {self.names[0]!r}; give "
                "names with data.class_names=FILE (data=xlsa17), name the folders of images, or use "
                "class_embedding=attributes"
            )
        return self.names

    def take(self, index: Sequence[int]) -> ClassDescriptions:
        """Return the descriptions of the classes at ``index``, in that order, numbered from 0 as a new data set."""
        part = self.part(index)
        return ClassDescriptions(part.names, part.matrices, part.texts)

    def part(self, index: Sequence[int]) -> ClassDescriptions:
        """Return the descriptions of the classes at ``index``, in that order, with their numbers in the data set."""
        ids = list(index)
        return ClassDescriptions(
            tuple(self.names[i] for i in ids),
            {key: matrix[ids] for key, matrix in self.matrices.items()},
            {key: tuple(text[i] for i in ids) for key, text in self.texts.items()},
            tuple(self.numbers[i] for i in ids),
            self.total,
        )


@dataclass(frozen=True)
class Splits:
    """Row numbers (0-based) of the images in each split.

    ``trainval`` and ``test_seen`` hold images of seen classes, ``test_unseen`` images of unseen classes. ``train`` and
    ``val`` divide ``trainval`` by class: hyperparameters are chosen by training on ``train`` and evaluating on the
    classes of ``val``. Both are subsets of ``trainval`` and share no image with ``test_seen`` (in the files released
    as xlsa17, they share some).
    """

    trainval: Int64[Array, " n"]
    test_seen: Int64[Array, " n"]
    test_unseen: Int64[Array, " n"]
    train: Int64[Array, " n"]
    val: Int64[Array, " n"]

    def parts(self) -> dict[str, Int64[Array, " n"]]:
        """Return split name -> rows, in a fixed order."""
        names = ("trainval", "test_seen", "test_unseen", "train", "val")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Card:
    """Data set card: full name, licences, attributions, and notes made while reading."""

    title: str
    licences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """Data set that has been read, checked and fingerprinted.

    ``features`` may be memory-mapped, in one array or in several (`RowBlocks`); ``labels[i]`` is a position in
    ``classes.names``, or -1 for an image of no class, which no split may use. Classes that no split uses are only
    candidate labels (distractors). ``fingerprints`` holds the SHA-256 of features, labels and every split, as computed
    by `zsl.data.fingerprint.fingerprints`; those of results also have that of ``backbone``, where it is known.

    The constructor checks everything except the values of the features, which it does not read.

    Raises:
        InputError: features are not a float32 matrix with one row per label, labels are not an int64 vector of
            positions in the class names, paths of images are not one per row, class names are not usable or not
            distinct, descriptions do not have one row per class, rows of a split are out of range, occur twice, or have
            no class, or a fingerprint is missing.
    """

    name: str
    features: Float32[Array, "n d"] | RowBlocks
    labels: Int64[Array, " n"]
    classes: ClassDescriptions
    splits: Splits
    card: Card
    fingerprints: Mapping[str, str]
    picture: Callable[[int], Image] | None = field(default=None, compare=False, repr=False)
    """opens the image of a row; None where there are features alone"""
    images: tuple[str, ...] = ()
    """path of every image, relative to the folder of the data set; empty where the data set knows no image files"""
    top_k: tuple[int, ...] = (5,)
    """k of the top-k accuracies that are evaluated besides top-1"""
    hierarchy: Hierarchy | None = field(default=None, compare=False, repr=False)
    """is-a edges with a node for every class, for hierarchical precision; None where there are none"""
    backbone: str = ""
    """name and transform of what computed the features; empty where it is not known"""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"data set: the name is {self.name!r}; give a non-empty string")
        _check_features(self)
        _check_classes(self)
        _check_labels(self)
        _check_splits(self)
        _check_fingerprints(self)

    def seen(self) -> np.ndarray:
        """Return a Boolean mask over the classes: True for classes with an image in ``trainval``."""
        mask = np.zeros(len(self.classes.names), dtype=bool)
        mask[self.labels[self.splits.trainval]] = True
        return mask


def _check_features(dataset: Dataset) -> None:
    x = dataset.features
    if not isinstance(x, np.ndarray | RowBlocks):
        raise InputError(f"{dataset.name}: features are a {type(x).__name__}, not a NumPy array; give numpy.asarray(…)")
    if x.dtype != np.float32:
        raise InputError(f"{dataset.name}: features are {x.dtype}, not float32; give features.astype(numpy.float32)")
    if x.ndim != 2 or not x.size:
        raise InputError(f"{dataset.name}: features have shape {x.shape}; give a matrix with one row per image")


def _check_classes(dataset: Dataset) -> None:
    classes, place = dataset.classes, f"{dataset.name}: classes"
    count = len(classes.names)
    if not all(isinstance(name, str) for name in classes.names):
        raise InputError(f"{place}: a name is not a string; give every class a name")
    require_names(classes.names, place)
    if classes.numbers != tuple(range(count)) or classes.total != count:
        raise InputError(f"{place}: are numbered as a part of a data set; use ClassDescriptions.take(…), not part(…)")
    for kind, matrix in classes.matrices.items():
        if np.ndim(matrix) != 2 or len(matrix) != count or np.asarray(matrix).dtype.kind not in "biuf":
            raise InputError(
                f"{place}: {kind} has shape {np.shape(matrix)}; give one row of numbers per class ({count})"
            )
    for kind, texts in classes.texts.items():
        if len(texts) != count or not all(isinstance(text, str) for text in texts):
            raise InputError(f"{place}: {kind} has {len(texts)} texts; give one text per class ({count})")


def _described(given: object) -> str:
    return f"{given.dtype} of shape {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__


def _check_labels(dataset: Dataset) -> None:
    labels, count = dataset.labels, len(dataset.classes.names)
    if dataset.images and len(dataset.images) != len(dataset.features):
        raise InputError(
            f"{dataset.name}: {len(dataset.images)} paths of images and {len(dataset.features)} rows of features; give "
            "one path per row, or none"
        )
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.shape != (len(dataset.features),):
        raise InputError(
            f"{dataset.name}: labels are {_described(labels)}; give an int64 vector with one label for each of the "
            f"{len(dataset.features)} images"
        )
    outside = (labels < -1) | (labels >= count)
    if outside.any():
        row = int(outside.argmax())
        raise InputError(
            f"{dataset.name}: label {labels[row]} of image {row} is out of range; there are {count} classes, counted "
            "from 0; use -1 for none"
        )


def _check_splits(dataset: Dataset) -> None:
    n = len(dataset.labels)
    for name, rows in dataset.splits.parts().items():
        place = f"{dataset.name}: split {name}"
        if not isinstance(rows, np.ndarray) or rows.dtype != np.int64 or rows.ndim != 1:
            raise InputError(f"{place} is {_described(rows)}; give an int64 vector of row numbers, counted from 0")
        outside = rows[(rows < 0) | (rows >= n)]
        if len(outside):
            raise InputError(f"{place}: row {outside[0]} is out of range; the features have rows 0 to {n - 1}")
        if len(np.unique(rows)) < len(rows):
            values, counts = np.unique(rows, return_counts=True)
            raise InputError(f"{place}: row {values[counts > 1][0]} occurs twice; list every image once")
        bare = rows[dataset.labels[rows] < 0]
        if len(bare):
            raise InputError(f"{place}: row {bare[0]} has the label -1 (no class); remove it from the split")


def _check_fingerprints(dataset: Dataset) -> None:
    for part in ("features", "labels", *dataset.splits.parts()):
        if not SHA256.fullmatch(str(dataset.fingerprints.get(part))):
            raise InputError(
                f"{dataset.name}: no SHA-256 fingerprint of {part}; give "
                "zsl.data.fingerprint.fingerprints(features, labels, splits)"
            )


def require_finite(dataset: Dataset) -> None:
    """Read all features, one block at a time, and refuse values that are not finite.

    Raises:
        InputError: some features are not finite; the message names the first such image.
    """
    for row in range(0, len(dataset.features), BLOCK):
        bad = ~np.isfinite(dataset.features[row : row + BLOCK]).all(axis=1)
        if bad.any():
            image = row + int(bad.argmax())
            raise InputError(f"{dataset.name}: features of image {image} are not finite numbers; extract them again")
