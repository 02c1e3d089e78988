"""Validation of splits, and division of trainval into train and validation classes."""

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
    """File and keys from which splits were read, for error messages.

    ``keys`` maps the name of a split to its key in ``file``; ``base`` is the number of the first image in ``file``
    (1 in MATLAB files).
    """

    file: str
    keys: Mapping[str, str] = field(default_factory=dict)
    base: int = 0

    def at(self, split: str) -> str:
        return f"{self.file}: {self.keys.get(split, split)}"


def check_rows(split: str, rows: Int64[Array, " m"], n: int, origin: SplitsOrigin) -> None:
    """Check that a split is not empty and that its rows are within 0 … n - 1 and distinct.

    Raises:
        InputError: a check fails; the message names file, key and the first wrong index, counted as in the file.
    """
    if not len(rows):
        raise InputError(f"{origin.at(split)} is empty; every split needs at least one image")
    outside = rows[(rows < 0) | (rows >= n)]
    if len(outside):
        raise InputError(
            f"{origin.at(split)}: index {outside[0] + origin.base} is out of range; the features have images "
            f"{origin.base} to {n - 1 + origin.base}: use the split file made for these features"
        )
    first = np.zeros(len(rows), dtype=bool)
    first[np.unique(rows, return_index=True)[1]] = True
    if not first.all():
        raise InputError(
            f"{origin.at(split)}: index {rows[~first][0] + origin.base} occurs twice; list every image once"
        )


def audit(splits: Splits, labels: Int64[Array, " n"], origin: SplitsOrigin) -> None:
    """Check that splits are valid for zero-shot learning.

    Every split is non-empty, in range and without duplicates; trainval, test_seen and test_unseen share no image;
    no class of test_unseen has an image in trainval; every class of test_seen has one; train and val are subsets of
    trainval and share no class.

    Raises:
        InputError: a check fails; the message names file, key and the first wrong index, counted as in the file.
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
        "is an image of an unseen class (one of test_unseen); remove images of unseen classes from training",
    )
    for one, other in (("test_seen", "trainval"), ("test_unseen", "trainval"), ("test_unseen", "test_seen")):
        both = parts[one][np.isin(parts[one], parts[other])]
        refuse(one, both, f"is also in {origin.keys.get(other, other)}; list a test image in one split only")
    refuse(
        "test_seen",
        parts["test_seen"][~np.isin(labels[parts["test_seen"]], labels[trainval])],
        "is an image of a class without training images; move it to test_unseen",
    )
    for name in ("train", "val"):
        refuse(name, parts[name][~np.isin(parts[name], trainval)], "is not in trainval; list only images of trainval")
    refuse(
        "val",
        parts["val"][np.isin(labels[parts["val"]], labels[parts["train"]])],
        "is an image of a class that is also in train; validation classes must not be in train",
    )


def divide(
    trainval: Int64[Array, " m"], labels: Int64[Array, " n"], share: float = 0.25
) -> tuple[Int64[Array, " a"], Int64[Array, " b"]]:
    """Divide trainval into train and validation rows, for a data set without validation classes of its own.

    A fixed pseudo-random ``share`` of the seen classes becomes validation classes: at least one class, and never all.

    Raises:
        InputError: there are fewer than two seen classes, so that none can be a validation class.
    """
    seen = np.unique(labels[trainval])
    if len(seen) < 2:
        raise InputError("splits: only one seen class; give at least two, so that one can be a validation class")
    count = min(max(1, round(share * len(seen))), len(seen) - 1)
    held = np.random.default_rng(0).permutation(seen)[:count]
    is_val = np.isin(labels[trainval], held)
    return trainval[~is_val], trainval[is_val]


def hold_out(
    rows: Int64[Array, " m"], labels: Int64[Array, " n"], share: float
) -> tuple[Int64[Array, " a"], Int64[Array, " b"]]:
    """Hold out a ``share`` of the images of every class (rounded; at least one image per class is not held out).

    The choice depends only on the rows, not on the training seed, so that all runs validate on the same images.
    """
    generator = np.random.default_rng(0)
    held = np.zeros(len(rows), dtype=bool)
    for label in np.unique(labels[rows]):
        of_class = np.flatnonzero(labels[rows] == label)
        count = min(round(share * len(of_class)), len(of_class) - 1)
        held[generator.permutation(of_class)[:count]] = True
    return rows[~held], rows[held]


def require_share(seen_holdout: float) -> None:
    """Refuse a ``seen_holdout`` that is not within (0, 1).

    Raises:
        InputError: ``seen_holdout`` is not within (0, 1).
    """
    if not 0 < seen_holdout < 1:
        raise InputError(f"protocol.seen_holdout={seen_holdout}: give a share between 0 and 1, such as 0.2")
