"""Duplicate images: in training and in test, with two labels, or within one class of training or of test."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import xxhash
from jaxtyping import Int64
from numpy import ndarray as Array

from zsl.data.dataset import Dataset, Splits
from zsl.hyperparameters import require_choice

log = logging.getLogger(__name__)

OnDuplicate = Literal["refuse", "drop", "allow"]
NAMED = 4
"""groups of equal images that a message lists; further groups are only counted"""


def require_policy(on_duplicate: str) -> None:
    """Refuse an unknown value of ``data.on_duplicate``.

    Raises:
        InputError: the value is unknown.
    """
    require_choice(on_duplicate, "data.on_duplicate", get_args(OnDuplicate))


@dataclass(frozen=True)
class Duplicates:
    """Groups of rows with equal images, among the rows that some split uses."""

    two_labels: Sequence[Int64[Array, " m"]]
    """groups with images of more than one class"""
    in_both: Sequence[Int64[Array, " m"]]
    """groups of one class with images in training and in test"""
    within: Sequence[Int64[Array, " m"]]
    """groups of one class that are entirely in training or entirely in test"""

    @classmethod
    def of(cls, contents: Sequence[Hashable], labels: Int64[Array, " n"], splits: Splits) -> Duplicates:
        """Find the groups of rows whose ``contents`` (a digest of each image) are equal."""
        is_used, trained = np.zeros(len(labels), dtype=bool), np.zeros(len(labels), dtype=bool)
        is_used[np.concatenate(list(splits.parts().values()))] = True
        trained[splits.trainval] = True
        places = defaultdict(list)
        for row in np.flatnonzero(is_used).tolist():
            places[contents[row]].append(row)
        groups = [np.array(rows) for rows in places.values() if len(rows) > 1]
        one_label = [rows for rows in groups if len(np.unique(labels[rows])) == 1]
        return cls(
            [rows for rows in groups if len(np.unique(labels[rows])) > 1],
            [rows for rows in one_label if len(np.unique(trained[rows])) > 1],
            [rows for rows in one_label if len(np.unique(trained[rows])) == 1],
        )

    @property
    def leaks(self) -> list[Int64[Array, " m"]]:
        """Return the groups that leak test images into training or have more than one label."""
        return [*self.two_labels, *self.in_both]

    @property
    def surplus(self) -> int:
        """Return the number of images that duplicate another image of their class in the same part."""
        return sum(len(rows) - 1 for rows in self.within)

    def without(self, splits: Splits) -> Splits:
        """Return the splits without images that have two labels, and without training images that are in test, too."""
        out = np.concatenate([np.empty(0, dtype=np.int64), *self.two_labels])
        trained = np.concatenate([out, *self.in_both])
        of_training = {name: np.setdiff1d(getattr(splits, name), trained) for name in ("trainval", "train", "val")}
        of_test = {name: np.setdiff1d(getattr(splits, name), out) for name in ("test_seen", "test_unseen")}
        return Splits(**of_training, **of_test)


def listed(groups: Sequence[Int64[Array, " m"]], name: Callable[[int], str]) -> str:
    """List the first groups by the names of their first two images, and count the remaining groups."""
    shown = [" = ".join(name(int(row)) for row in rows[:2]) for rows in groups[:NAMED]]
    more = f" and {len(groups) - NAMED} more" if len(groups) > NAMED else ""
    return "; ".join(shown) + more


def with_duplicates_noted(dataset: Dataset) -> Dataset:
    """Return the data set with a note on its card if features are equal in training and in test, or under two labels.

    A warning is logged, too. The note is not an error: equal features may come from one image or from two images that
    look the same.
    """
    digests = [xxhash.xxh3_128_digest(np.ascontiguousarray(row).data) for row in dataset.features]
    found = Duplicates.of(digests, dataset.labels, dataset.splits).leaks
    if not found:
        return dataset
    parts = {name: set(rows.tolist()) for name, rows in list(dataset.splits.parts().items())[:3]}

    def place(row: int) -> tuple[str, str]:
        part = next(part for part, rows in parts.items() if row in rows)
        return dataset.classes.names[dataset.labels[row]], part

    def name(row: int) -> str:
        return f"image {row + 1} ({', '.join(place(row))})"

    def conflict(rows: Int64[Array, " m"]) -> Int64[Array, " 2"]:
        return np.array([rows[0], next(row for row in rows if place(row) != place(rows[0]))])

    note = (
        f"{sum(map(len, found))} images have the very same features as another one that is in the other of training "
        f"and test, or of another class: {listed([*map(conflict, found)], name)}"
    )
    log.warning("%s: %s", dataset.name, note)
    return replace(dataset, card=replace(dataset.card, notes=(*dataset.card.notes, note)))
