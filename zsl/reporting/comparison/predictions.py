"""What a run predicted for every test image, from the file that ``save.predictions=true`` leaves beside its result."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.files.array_file import read_archive
from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER

NAME = "predictions.npz"
AGAIN = "run it again with save.predictions=true, or delete the file"
NEEDED = ("rows", "labels", "predicted", "predicted_zsl", "seen")
SAME = 1e-6
"""percentage points that a metric of the file may differ from that of the result"""


@dataclass(frozen=True)
class Predicted:
    """Which images a run got right, in the order of the rows of the data set."""

    rows: Int64[Array, " n"]
    """of the data set"""
    labels: Int64[Array, " n"]
    """their classes"""
    unseen: Bool[Array, " n"]
    """whether that class is unseen"""
    right: Bool[Array, " n"]
    """among all classes"""
    right_zsl: Bool[Array, " n"]
    """among the unseen classes; false for images of seen ones"""

    def part(self, name: str) -> tuple[Int64[Array, " m"], Bool[Array, " m"]]:
        """Labels of the images that T1, u or s are about, and which of them are right."""
        chosen = ~self.unseen if name == "s" else self.unseen
        return self.labels[chosen], (self.right_zsl if name == "T1" else self.right)[chosen]


def read(result: Result, path: Path) -> Predicted | None:
    """What lies beside the result at ``path``; None where nothing was saved.

    Raises:
        InputError: the file is damaged, or is of another run than the result: T1, u or s do not follow from it.
    """
    file = path.parent / NAME
    if not os.path.lexists(file):
        return None
    try:
        found = _predicted(read_archive(file, NEEDED))
    except (OSError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{file}: cannot be read ({reason}); {AGAIN}") from error
    for name in ("T1", "u", "s"):
        said = result.metrics.get(name, result.metrics.get(name + DAGGER))
        labels, right = found.part(name)
        if said is not None and len(labels):
            own = float(np.mean([100 * right[labels == label].mean() for label in np.unique(labels)]))
            if abs(own - said) > SAME:
                raise InputError(f"{file}: is of another run: {name} is {own:.4f} by it, {said:.4f} by {path}; {AGAIN}")
    return found


def _predicted(arrays: dict[str, Array]) -> Predicted:
    rows, labels, predicted, predicted_zsl, seen = (arrays[name] for name in NEEDED)
    for name in NEEDED:
        kind = np.bool_ if name == "seen" else np.integer
        if arrays[name].ndim != 1 or not np.issubdtype(arrays[name].dtype, kind):
            raise ValueError(f"{name} is no list of {'truth values' if name == 'seen' else 'whole numbers'}")
    if not len(rows) == len(labels) == len(predicted):
        raise ValueError(f"{len(rows)} rows, {len(labels)} labels and {len(predicted)} predictions")
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < len(seen)):
        raise ValueError("a label is no class")
    if len(np.unique(rows)) < len(rows):
        raise ValueError("an image stands twice")
    unseen = ~seen[labels]
    if int(unseen.sum()) != len(predicted_zsl):
        raise ValueError(f"{int(unseen.sum())} images of unseen classes, {len(predicted_zsl)} predictions for them")
    right_zsl = np.zeros(len(labels), np.bool_)
    right_zsl[unseen] = predicted_zsl == labels[unseen]
    order = np.argsort(rows)
    return Predicted(*(it[order] for it in (rows, labels, unseen, predicted == labels, right_zsl)))
