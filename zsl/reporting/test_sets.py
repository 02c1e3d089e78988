"""Test sets of one label space: accuracies of runs by folder of the images, and of tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zsl.errors import InputError
from zsl.evaluation.shift import Accuracy
from zsl.files.source_file import require_file
from zsl.files.table import read_table
from zsl.outputs.names import PREDICTIONS, RESULT
from zsl.outputs.result import read
from zsl.reporting.comparison.predictions import load, load_scores, require_same


def of_table(path: Path) -> dict[str, dict[str, Accuracy]]:
    """Return model -> test set -> accuracy, of a table with a column ``model`` and one of percentages a test set.

    Raises:
        InputError: the file is no such table, or a model has two rows.
    """
    table = read_table(require_file(path, "TABLE", "correct the path"), "TABLE")
    model = table.column(("model", "name"))
    if model is None:
        raise InputError(f"{table.place}: no column model; name the model of every row")
    tests = [name for name in table.heading if name != model]
    values, models = table.numbers(tests), table.texts(model)
    if not ((values >= 0) & (values <= 100)).all():
        raise InputError(f"{table.place}: an accuracy is not between 0 and 100; give percentages")
    if len(set(models)) < len(models):
        raise InputError(f"{table.place}: a model has two rows; rename one")
    return {
        name: {test: Accuracy(float(value)) for test, value in zip(tests, row, strict=True)}
        for name, row in zip(models, values, strict=True)
    }


def of_runs(paths: list[Path], among: str, labels: list[str] | None) -> dict[str, dict[str, Accuracy]]:
    """Return run -> test set -> accuracy; the test set of an image is the first folder of its path.

    Args:
        paths: folders with runs that saved their predictions.
        among: ``"unseen"``: images of unseen classes, answered among these; ``"all"``: all images and classes.
        labels: names of the only classes that are asked about, of which images are kept; None for all.

    Raises:
        InputError: there is no run, or one lacks paths, scores or a class that are needed.
    """
    files = sorted({file for path in paths for file in ([path] if path.is_file() else path.rglob(PREDICTIONS))})
    if not files:
        raise InputError(f"RUN: no {PREDICTIONS} in {paths[0]}; train with save.predictions=true")
    found: dict[str, dict[str, Accuracy]] = {}
    for file in files:
        predicted = load(file)
        if (beside := file.parent / RESULT).is_file():
            require_same(predicted, file, read(beside), beside)
        if not predicted.images:
            raise InputError(f"RUN {file}: images have no paths, so there are no test sets; use data with images")
        own, unseen = predicted.labels, predicted.unseen
        unknown = [name for name in labels or () if name not in set(predicted.classes)]
        if unknown:
            raise InputError(f"--labels: {unknown[0]!r} is no class of {file.parent}; give names of its classes")
        kept = unseen if among == "unseen" else np.ones(len(own), bool)
        if labels is not None:
            asked = np.isin(predicted.classes, labels)
            kept = kept & asked[own]
            asked &= ~predicted.seen | (among == "all")
            scores = load_scores(file, predicted)[:, asked]
            right = np.flatnonzero(asked)[scores.argmax(axis=1)] == own if kept.any() else kept
        else:
            right = predicted.correct_zsl if among == "unseen" else predicted.correct
        folder = np.array([str(image).partition("/")[0] for image in predicted.images])
        tests = sorted(set(folder[kept]))
        if not tests:
            raise InputError(f"RUN {file.parent}: no image of these classes among {among} ones; name others")
        found[str(file.parent)] = {test: Accuracy.of(right[kept & (folder == test)]) for test in tests}
    return dict(zip(_names(list(found)), found.values(), strict=True))


def _names(folders: list[str]) -> list[str]:
    """Return the method of every run with the overrides that tell it from others; the folder where these do not."""
    files = [Path(folder) / RESULT for folder in folders]
    if not all(file.is_file() for file in files):
        return folders
    results = [read(file) for file in files]
    shared = set.intersection(*(set(result.overrides) for result in results))
    names = [
        " ".join(
            [result.method, *(word for word in result.overrides if word not in shared | {f"method={result.method}"})]
        )
        for result in results
    ]
    return names if len(set(names)) == len(names) else folders
