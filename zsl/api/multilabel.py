"""``zsl.multilabel``: every metric of scores for several labels an image, one row a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.f1_at_k import u_s_H_at, u_s_H_draws
from zsl.evaluation.multilabel import (
    Criterion,
    LabelledScores,
    f1,
    interval,
    mean_of_defined,
    thresholds_of,
)
from zsl.hyperparameters import LARGEST, require_choice
from zsl.prediction.arrays import array_of

Row = dict[str, str | float | int | None]


def multilabel(
    scores: Any,
    labels: Any,
    names: Sequence[str] = (),
    *,
    seen: Sequence[str] | None = None,
    validation: tuple[Any, Any] | None = None,
    criterion: Criterion = "mcc",
    at: Sequence[int] = (3,),
    gamma: float = 0.0,
    draws: int = 1000,
    seed: int = 0,
) -> list[Row]:
    """Return one row for every class, one of means over classes, and one for every k of F1@k.

    A row of a class has its number of ``positives``, ``AUROC``, ``AP``, and where validation scores are given the
    ``threshold`` and ``F1`` and ``MCC`` at it, each in [0, 1] (MCC in [-1, 1]) and each with the ends of the 95 %
    interval of the bootstrap over images (``AUROC_low``, ``AUROC_high``). What is not defined, such as the AUROC of a
    class without a positive image, is NaN, in no mean, and counted by ``undefined`` in the row of means. Rows of F1@k
    have u, s and H in percent with their intervals, whose draws have the same images in all three, where seen classes
    are named.

    Args:
        scores: of test images, one row an image, one column a class, such as log-odds.
        labels: 0 or 1 for each of them.
        names: of the classes.
        seen: names of the classes whose labels were known in training.
        validation: scores and labels of other images, which choose thresholds: one for every seen class, and one
            pooled over seen classes for the unseen ones. Without ``seen`` every class has its own.
        criterion: what thresholds maximise on validation images, ``"mcc"`` or ``"f1"``.
        at: the k of F1@k.
        gamma: bias γ taken off the scores of seen classes before the k best are taken.
        draws: samples of the bootstrap; 0 leaves out intervals.
        seed: of the bootstrap.

    Raises:
        InputError: arrays do not fit together, a label is neither 0 nor 1, or an argument is out of range.
    """
    require_choice(criterion, "criterion", get_args(Criterion))
    for name, value in (("draws", draws), ("seed", seed)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
            raise InputError(f"{name}={value}: must be a whole number from 0 to {LARGEST}")
    test = LabelledScores(array_of("scores", scores), array_of("labels", labels))
    classes = test.scores.shape[1]
    known = tuple(names) or tuple(map(str, range(classes)))
    if len(known) != classes or len(set(known)) != classes:
        raise InputError(f"names: {len(set(known))} different ones for {classes} classes; give one for every column")
    unknown = [name for name in seen or () if name not in known]
    if unknown:
        raise InputError(f"seen: {unknown[0]!r} is no class; give names of classes")
    mask = np.isin(known, list(known if seen is None else seen))
    thresholds = None if validation is None else _thresholds(validation, mask, criterion)
    found = test.metrics(thresholds)
    low_high = _intervals(test, thresholds, draws, seed) if draws else {}
    rows: list[Row] = []
    for j, name in enumerate(known):
        row: Row = {"class": name}
        if seen is not None:
            row["kind"] = "seen" if mask[j] else "unseen"
        row["positives"] = int(test.labels[:, j].sum())
        for metric, values in found.items():
            row[metric] = float(values[j])
            if metric in low_high:
                row[f"{metric}_low"], row[f"{metric}_high"] = map(float, low_high[metric][:, j])
        if thresholds is not None:
            row["threshold"] = float(thresholds[j])
        rows.append(row)
    groups = {"mean": np.ones(classes, bool)}
    if seen is not None:
        groups |= {"mean of unseen": ~mask, "mean of seen": mask}
    rows += [_mean(name, group, test, found, low_high) for name, group in groups.items() if group.any()]
    if thresholds is not None:
        answers = test.scores >= thresholds
        cells = (answers & test.labels, answers & ~test.labels, ~answers & test.labels)
        rows.append({"class": "pooled", "F1": float(f1(*(np.asarray(float(cell.sum())) for cell in cells)))})
    if seen is not None:
        rows += [_at(test, mask, k, gamma, draws, seed) for k in at]
    return rows


def _thresholds(validation: tuple[Any, Any], seen: Array, criterion: Criterion) -> Float64[Array, " classes"]:
    images = LabelledScores(array_of("validation scores", validation[0]), array_of("validation labels", validation[1]))
    if images.scores.shape[1] != len(seen):
        raise InputError(f"validation: {images.scores.shape[1]} classes, the test scores have {len(seen)}")
    return thresholds_of(images, seen, criterion)


def _intervals(
    test: LabelledScores, thresholds: Float64[Array, " classes"] | None, draws: int, seed: int
) -> dict[str, Float64[Array, "2 columns"]]:
    """Return the intervals of every class, and in a last column that of the mean over classes."""
    sampled = test.bootstrap(thresholds, draws, seed)
    return {name: interval(np.column_stack([values, mean_of_defined(values)])) for name, values in sampled.items()}


def _at(test: LabelledScores, seen: Array, k: int, gamma: float, draws: int, seed: int) -> Row:
    row: Row = {"class": f"F1@{k}"}
    sampled = u_s_H_draws(test, seen, k, gamma, draws, seed) if draws else {}
    for name, value in u_s_H_at(test, seen, k, gamma).items():
        row[name] = value
        if draws:
            row[f"{name}_low"], row[f"{name}_high"] = map(float, interval(sampled[name]))
    return row


def _mean(
    name: str,
    group: Array,
    test: LabelledScores,
    found: dict[str, Float64[Array, " classes"]],
    low_high: dict[str, Float64[Array, "2 columns"]],
) -> Row:
    row: Row = {"class": name, "positives": int(test.labels[:, group].sum())}
    for metric, values in found.items():
        row[metric] = float(mean_of_defined(values[group]))
        if metric in low_high and group.all():
            row[f"{metric}_low"], row[f"{metric}_high"] = map(float, low_high[metric][:, -1])
    row["undefined"] = int(np.isnan(found["AUROC"][group]).sum())
    return row
