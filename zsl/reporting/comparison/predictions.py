"""Predictions for every test image, read from the file that ``save.predictions=true`` writes beside a result."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.files.array_file import names_of, read_archive
from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER

NAME = "predictions.npz"
AGAIN = "run it again with save.predictions=true, or delete the file"
NEEDED = ("rows", "labels", "predicted", "predicted_zsl", "seen")
CLASSES, IMAGES, SCORES = "classes", "images", "scores"
CALIBRATED, CONFIDENCE = "predicted_calibrated", ("confidence", "confidence_calibrated")
"""what older files may lack, and files of runs without calibration"""
SAME = 1e-6
"""percentage points by which a metric of the file may differ from the metric of the result"""


@dataclass(frozen=True)
class Predicted:
    """Predictions of a run for n test images, in the order of the rows of the data set."""

    rows: Int64[Array, " n"]
    """rows of the images in the data set"""
    labels: Int64[Array, " n"]
    """true classes"""
    unseen: Bool[Array, " n"]
    """whether the true class is unseen"""
    correct: Bool[Array, " n"]
    """whether the prediction among all classes is correct"""
    correct_zsl: Bool[Array, " n"]
    """whether the prediction among the unseen classes is correct; false for images of seen classes"""
    predicted: Int64[Array, " n"]
    """predictions among all classes"""
    classes: tuple[str, ...]
    """names of all classes"""
    seen: Bool[Array, " c"]
    """whether each class is seen"""
    images: tuple[str, ...]
    """paths of the images, relative to the folder of the data set; empty where they are not known"""
    confidence: Float64[Array, " n"] | None = None
    """of the prediction among all classes, None where it was not saved"""
    correct_calibrated: Bool[Array, " n"] | None = None
    """whether the prediction after calibration is correct, None where there was no calibration"""
    confidence_calibrated: Float64[Array, " n"] | None = None

    def part(self, name: str) -> tuple[Int64[Array, " m"], Bool[Array, " m"]]:
        """Return labels and correctness of the images that T1, u or s is computed from."""
        chosen = ~self.unseen if name == "s" else self.unseen
        return self.labels[chosen], (self.correct_zsl if name == "T1" else self.correct)[chosen]


def read(result: Result, path: Path) -> Predicted | None:
    """Read the predictions beside the result at ``path``; None where none were saved.

    Raises:
        InputError: the file is damaged, or belongs to another run: its T1, u or s differ from those of the result.
    """
    file = path.parent / NAME
    if not os.path.lexists(file):
        return None
    found = load(file)
    require_same(found, file, result, path)
    return found


def load(file: Path) -> Predicted:
    """Read predictions from a file.

    Raises:
        InputError: the file is damaged.
    """
    try:
        held = names_of(file)
        texts = [name for name in (CLASSES, IMAGES) if name == CLASSES or name in held]
        further = [name for name in (CALIBRATED, *CONFIDENCE) if name in held]
        return _predicted(read_archive(file, [*NEEDED, *further]), read_archive(file, texts, "U"))
    except (OSError, ValueError, MemoryError) as error:
        raise _unreadable(file, error) from error


def load_scores(file: Path, found: Predicted) -> Float64[Array, "n c"]:
    """Read the scores beside predictions, one row an image and one column a class, in the order of ``found``.

    Raises:
        InputError: the file holds no scores, or is damaged.
    """
    try:
        held = names_of(file)
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error
    if SCORES not in held:
        raise InputError(f"{file}: holds no scores; run it again with save.predictions=true save.scores=true")
    try:
        arrays = read_archive(file, ["rows", SCORES])
        rows, scores = arrays["rows"], arrays[SCORES].astype(np.float64)
        if scores.shape != (len(found.rows), len(found.classes)) or not np.isfinite(scores).all():
            raise ValueError(f"scores are no numbers of {len(found.rows)} images and {len(found.classes)} classes")
    except (OSError, ValueError, MemoryError) as error:
        raise _unreadable(file, error) from error
    return np.asarray(scores[np.argsort(rows)])


def _unreadable(file: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return InputError(f"{file}: cannot be read ({reason}); {AGAIN}")


def require_same(found: Predicted, file: Path, result: Result, path: Path) -> None:
    """Refuse predictions of another run than that of the result at ``path``.

    Raises:
        InputError: T1, u or s of the predictions differ from those of the result.
    """
    for name in ("T1", "u", "s"):
        recorded = result.metrics.get(name, result.metrics.get(name + DAGGER))
        labels, correct = found.part(name)
        if recorded is not None and len(labels):
            own = float(np.mean([100 * correct[labels == label].mean() for label in np.unique(labels)]))
            if abs(own - recorded) > SAME:
                numbers = f"{name} is {own:.4f} here, {recorded:.4f} in {path}"
                raise InputError(f"{file}: belongs to another run: {numbers}; {AGAIN}")


def _predicted(arrays: dict[str, Array], texts: dict[str, Array]) -> Predicted:
    rows, labels, predicted, predicted_zsl, seen = (arrays[name] for name in NEEDED)
    answers = [name for name in ("predicted", CALIBRATED) if name in arrays]
    for name in {*NEEDED, *answers}:
        kind = np.bool_ if name == "seen" else np.integer
        if arrays[name].ndim != 1 or not np.issubdtype(arrays[name].dtype, kind):
            raise ValueError(f"{name} is no list of {'truth values' if name == 'seen' else 'whole numbers'}")
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < len(seen)):
        raise ValueError("a label is no class")
    for name in answers:
        if not len(rows) == len(labels) == len(arrays[name]):
            raise ValueError(f"{len(rows)} rows, {len(labels)} labels and {len(arrays[name])} predictions")
        if len(rows) and not (int(arrays[name].min()) >= 0 and int(arrays[name].max()) < len(seen)):
            raise ValueError("a prediction is no class")
    if texts[CLASSES].shape != seen.shape:
        raise ValueError(f"{texts[CLASSES].size} names of classes, {len(seen)} classes")
    if IMAGES in texts and texts[IMAGES].shape != rows.shape:
        raise ValueError(f"{texts[IMAGES].size} paths of images, {len(rows)} images")
    if len(np.unique(rows)) < len(rows):
        raise ValueError("an image appears twice")
    unseen = ~seen[labels]
    if int(unseen.sum()) != len(predicted_zsl):
        raise ValueError(f"{int(unseen.sum())} images of unseen classes, {len(predicted_zsl)} predictions for them")
    correct_zsl = np.zeros(len(labels), np.bool_)
    correct_zsl[unseen] = predicted_zsl == labels[unseen]
    order = np.argsort(rows)
    sure = {name: _confidence(arrays, name, len(rows))[order] for name in CONFIDENCE if name in arrays}
    return Predicted(
        rows=rows[order],
        labels=labels[order],
        unseen=unseen[order],
        correct=(predicted == labels)[order],
        correct_zsl=correct_zsl[order],
        predicted=predicted[order],
        classes=tuple(texts[CLASSES].tolist()),
        seen=seen,
        images=tuple(texts[IMAGES][order].tolist()) if IMAGES in texts else (),
        confidence=sure.get("confidence"),
        correct_calibrated=(arrays[CALIBRATED] == labels)[order] if CALIBRATED in arrays else None,
        confidence_calibrated=sure.get("confidence_calibrated"),
    )


def _confidence(arrays: dict[str, Array], name: str, n: int) -> Float64[Array, " n"]:
    values = arrays[name]
    if values.shape != (n,):
        raise ValueError(f"{name} has shape {values.shape}, for {n} images")
    if not np.issubdtype(values.dtype, np.floating) or not ((values >= 0) & (values <= 1 + 1e-6)).all():
        raise ValueError(f"{name} holds what is no probability")
    return values.astype(np.float64)
