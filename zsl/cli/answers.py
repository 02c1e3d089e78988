"""Implementation of ``zsl predict``: load the model, predict, and print or write the answers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zsl.config.saved_models import load
from zsl.config.stored import announcement
from zsl.data.class_names import normalised
from zsl.data.label_space import LabelSpace
from zsl.datasets.image_folder_images import ImageFile, readable
from zsl.errors import InputError, printable
from zsl.features.cache import user_cache
from zsl.features.rows import FeatureRows
from zsl.files.atomic import write_text
from zsl.files.escaping import csv_text
from zsl.prediction.components import of_object
from zsl.prediction.inputs import ARRAYS, features, photographs
from zsl.prediction.inputs import labels as names_given
from zsl.prediction.predictor import Answers, Predictor
from zsl.reporting.contact_sheet import Entry, contact_sheet
from zsl.reporting.output import UNBOUNDED
from zsl.runs.console import show_log

ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl"}


@dataclass(frozen=True)
class Asked:
    """Inputs of a prediction, and the answers."""

    space: LabelSpace
    names: Sequence[str]
    """paths of the images, or row numbers of the features"""
    answers: Answers
    images: Sequence[ImageFile] = ()


def predict(arguments: argparse.Namespace) -> int:
    """Predict, and print or write the answers; return the exit status.

    Raises:
        InputError: the model, an image or a label cannot be used, or a file cannot be written.
    """
    show_log()
    if arguments.labels and arguments.add_labels:
        raise InputError("--labels restricts the classes, --add-labels adds to them; give one of the two")
    form = arguments.format or (ENDINGS.get(arguments.output.suffix, "table") if arguments.output else "table")
    if form == "table" and arguments.output:
        raise InputError(f"--output {arguments.output}: give a file that ends in .csv or .jsonl, or a --format")
    model = load(arguments.model)
    labels = names_given(arguments.labels, "--labels") if arguments.labels else None
    known = {normalised(name) for name in model.classes.names}
    if arguments.add_labels:
        more = names_given(arguments.add_labels, "--add-labels")
        labels = dict.fromkeys(model.classes.names) | {k: v for k, v in more.items() if normalised(k) not in known}
    if model.described.node and any(normalised(name) not in known for name in labels or ()):
        sys.stderr.write(announcement({"class_embedding": model.described.node}, arguments.model))
    asked = _asked(model, arguments, labels)
    if model.calibration is None:
        sys.stderr.write("zsl: confidence is not calibrated: train with selection=validation\n")
    if arguments.html:
        write_text(arguments.html, _sheet(model, asked))
    if form == "table":
        _show(asked)
        return 0
    text = _csv(asked) if form == "csv" else _jsonl(asked)
    if arguments.output:
        write_text(arguments.output, text)
    else:
        sys.stdout.write(text)
    return 0


def _asked(model: Predictor, arguments: argparse.Namespace, labels: dict[str, str | None] | None) -> Asked:
    space = model.label_space(labels)
    arrays = [path for path in arguments.paths if path.suffix.lower() in ARRAYS]
    if arrays:
        if len(arguments.paths) > 1 or arguments.html:
            raise InputError(f"{arrays[0]}: features exclude further paths and --html; give one .npy file alone")
        x = features(arrays[0])
        return Asked(space, [str(i) for i in range(len(x))], model.predict(x, space, arguments.top_k))
    if model.backbone is None:
        raise InputError(f"{arguments.model}: was trained on features without a backbone; give a .npy file of features")
    sys.stderr.write(announcement({"backbone": of_object(model.backbone)}, arguments.model))
    rows = FeatureRows(user_cache() / "image_folder", model.encoder)
    skip, found = arguments.skip_unreadable, photographs(arguments.paths)
    images, reasons = readable(found, {}, rows, "images", skip, "add --skip-unreadable")
    if not images:
        raise InputError(f"images: none of {len(reasons)} can be decoded; replace them")
    answers = model.predict(rows([image.picture for image in images]), space, arguments.top_k)
    return Asked(space, [image.path for image in images], answers, images)


def _show(asked: Asked) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("image", "answer", "confidence", "seen - unseen"):
        table.add_column(heading, justify="left" if heading in ("image", "answer") else "right")
    answers = asked.answers
    for name, labels, confidence, margin in zip(
        asked.names, answers.labels, answers.confidence, answers.margin, strict=True
    ):
        for rank, (label, sure) in enumerate(zip(labels, confidence, strict=True)):
            first = rank == 0
            shown = "" if np.isnan(margin) or not first else f"{margin:+.2f}"
            table.add_row(Text(printable(name) if first else ""), Text(printable(label)), f"{100 * sure:.0f} %", shown)
    Console(soft_wrap=True, width=UNBOUNDED).print(table)  # long paths are neither broken nor cut off


def _csv(asked: Asked) -> str:
    k = asked.answers.labels.shape[1]
    pairs = [f"{what}_{rank}" for rank in range(1, k + 1) for what in ("label", "confidence")]
    rows: list[list[object]] = [["image", *pairs, "margin"]]
    for name, labels, confidence, margin in _rows(asked):
        values = [value for pair in zip(labels, (f"{c:.6f}" for c in confidence), strict=True) for value in pair]
        rows.append([name, *values, "" if margin is None else f"{margin:.6f}"])
    return csv_text(rows)


def _jsonl(asked: Asked) -> str:
    lines = []
    for name, labels, confidence, margin in _rows(asked):
        answers = [{"label": label, "confidence": c} for label, c in zip(labels, confidence, strict=True)]
        lines.append(json.dumps({"image": name, "answers": answers, "margin": margin}, ensure_ascii=False))
    return "\n".join(lines) + "\n"


def _rows(asked: Asked) -> list[tuple[str, list[str], list[float], float | None]]:
    found = asked.answers
    return [
        (name, labels.tolist(), confidence.tolist(), None if np.isnan(margin) else float(margin))
        for name, labels, confidence, margin in zip(
            asked.names, found.labels, found.confidence, found.margin, strict=True
        )
    ]


def _sheet(model: Predictor, asked: Asked) -> str:
    classes = {normalised(name): name for name in asked.space.names}
    entries = [
        Entry(name, image.picture.open(), labels, confidence, margin, classes.get(normalised(Path(name).parent.name)))
        for image, (name, labels, confidence, margin) in zip(asked.images, _rows(asked), strict=True)
    ]
    title = f"{(model.facts or {}).get('method', 'model')} on {len(entries)} images"
    return contact_sheet(entries, title, model.calibration is not None)
