"""The audit of splits, and the division of trainval into train and validation classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array

from zsl.data.dataset import Splits
from zsl.errors import InputError


@dataclass(frozen=True)
class SplitsOrigin:
    """Where the splits were read, so that a message can point at it.

    ``keys`` translates the name of a split to the key in ``file``; ``base`` is the number of the file's first image
    (1 in MATLAB files).
    """

    file: str
    keys: Mapping[str, str] = field(default_factory=dict)
    base: int = 0

    def at(self, split: str) -> str:
        return f"{self.file}: {self.keys.get(split, split)}"


def check_rows(split: str, rows: Int64[Array, " m"], n: int, origin: SplitsOrigin) -> None:
    """Rows are there, within 0 … n - 1, and each stands once.

    Raises:
        InputError: naming file, key and first offending index (as the file counts).
    """
    if not len(rows):
        raise InputError(f"{origin.at(split)} is empty; every split needs at least one image")
    outside = rows[(rows < 0) | (rows >= n)]
    if len(outside):
        raise InputError(
            f"{origin.at(split)}: index {outside[0] + origin.base} is out of range; the features have images "
            f"{origin.base} to {n - 1 + origin.base}: use the split file that belongs to them"
        )
    first = np.zeros(len(rows), dtype=bool)
    first[np.unique(rows, return_index=True)[1]] = True
    if not first.all():
        raise InputError(
            f"{origin.at(split)}: index {rows[~first][0] + origin.base} stands twice; list every image once"
        )


def audit(splits: Splits, labels: Int64[Array, " n"], origin: SplitsOrigin) -> None:
    """All that makes splits fit for zero-shot learning.

    Every split is non-empty, in range and without duplicates; trainval, test_seen and test_unseen share no image;
    no class of test_unseen has an image in trainval; every class of test_seen has one; train and val lie within
    trainval and share no class.

    Raises:
        InputError: naming file, key and first offending index.
    """
    parts = splits.parts()
    for name, rows in parts.items():
        check_rows(name, rows, len(labels), origin)

    def refuse(name: str, bad: Int64[Array, " m"], why: str) -> None:
        if len(bad):
            raise InputError(f"{origin.at(name)}: index {bad[0] + origin.base} {why}")

    trainval, unseen = parts["trainval"], parts["test_unseen"]
    refuse(
        "trainval",
        trainval[np.isin(labels[trainval], labels[unseen]) & ~np.isin(trainval, parts["test_seen"])],
        "is an image of an unseen class (one of test_unseen); unseen classes may have no image in training",
    )
    for one, other in (("test_seen", "trainval"), ("test_unseen", "trainval"), ("test_unseen", "test_seen")):
        both = parts[one][np.isin(parts[one], parts[other])]
        refuse(one, both, f"is also in {origin.keys.get(other, other)}; a test image may not be anywhere else")
    refuse(
        "test_seen",
        parts["test_seen"][~np.isin(labels[parts["test_seen"]], labels[trainval])],
        "is an image of a class without any image in training; it belongs to test_unseen",
    )
    for name in ("train", "val"):
        refuse(name, parts[name][~np.isin(parts[name], trainval)], "is not in trainval; train and val divide it")
    refuse(
        "val",
        parts["val"][np.isin(labels[parts["val"]], labels[parts["train"]])],
        "is an image of a class that train has too; validation classes must be unseen in training",
    )


def divide(
    trainval: Int64[Array, " m"], labels: Int64[Array, " n"], share: float = 0.25
) -> tuple[Int64[Array, " a"], Int64[Array, " b"]]:
    """Train and validation rows for a data set that names none: a fixed pseudo-random ``share`` of the seen classes
    becomes validation classes (at least one, and at least one stays).

    Raises:
        InputError: fewer than two seen classes, so nothing can be validated on.
    """
    seen = np.unique(labels[trainval])
    if len(seen) < 2:
        raise InputError("splits: only one seen class; two are needed so that one can serve for validation")
    count = min(max(1, round(share * len(seen))), len(seen) - 1)
    held = np.random.default_rng(0).permutation(seen)[:count]
    is_val = np.isin(labels[trainval], held)
    return trainval[~is_val], trainval[is_val]


def hold_out(
    rows: Int64[Array, " m"], labels: Int64[Array, " n"], share: float
) -> tuple[Int64[Array, " a"], Int64[Array, " b"]]:
    """Divide rows within every class: ``share`` of each class's images (rounded, at least one stays) is held out.

    The choice depends on the rows alone, never on the training seed, so that all runs validate on the same images.
    """
    generator = np.random.default_rng(0)
    held = np.zeros(len(rows), dtype=bool)
    for label in np.unique(labels[rows]):
        of_class = np.flatnonzero(labels[rows] == label)
        count = min(round(share * len(of_class)), len(of_class) - 1)
        held[generator.permutation(of_class)[:count]] = True
    return rows[~held], rows[held]
