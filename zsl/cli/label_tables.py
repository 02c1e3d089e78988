"""Tables of images with several labels: a column of 0 and 1 for every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.files.named_arrays import listed
from zsl.files.source_file import read_text, require_file
from zsl.files.table import TABLES, read_table

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class LabelTable:
    """Labels of images: one row an image, one column a class.

    Attributes:
        classes: headings of the columns.
        labels: whether an image has a label.
        split: train, val or test; test for all where the table has no such column.
        images: names of images, if the table has them.
    """

    classes: tuple[str, ...]
    labels: Bool[Array, "n classes"]
    split: Array
    images: list[str] | None


def label_table(path: Path, columns: Sequence[str] | None = None) -> LabelTable:
    """Read a table of labels; ``split`` and ``image`` are no classes, nor are columns that are not among ``columns``.

    Raises:
        InputError: the file is no table, a column is missing, or a cell of a class is neither 0 nor 1.
    """
    if path.suffix.lower() not in TABLES:
        raise InputError(f"LABELS {path}: ends in none of {', '.join(TABLES)}; save it as one of these")
    table = read_table(require_file(path, "LABELS", "correct the path"), "LABELS")
    splits, images = table.column(("split",)), table.column(("image", "images", "name", "path", "file_name"))
    missing = [name for name in columns or () if name not in table.heading]
    if missing:
        there = listed(table.heading)
        raise InputError(f"{table.place}: no column {missing[0]!r}, but {there}; name columns of it by --columns")
    classes = tuple(columns or (name for name in table.heading if name not in (splits, images)))
    if not classes or not table.rows:
        raise InputError(f"{table.place}: holds no labels; give a row for every image and a column for every class")
    for name in classes:
        if any(cell.strip() not in ("0", "1", "0.0", "1.0") for cell in table.texts(name)):
            raise InputError(f"{table.place}: column {name!r} holds more than 0 and 1; name the classes by --columns")
    split = np.array([cell.strip().lower() for cell in table.texts(splits)] if splits else ["test"] * table.rows)
    other = sorted(set(split) - set(SPLITS))
    if other:
        raise InputError(f"{table.place}: split {str(other[0])!r} is none of {', '.join(SPLITS)}; rename it")
    return LabelTable(classes, table.numbers(list(classes)) == 1, split, table.texts(images) if images else None)


def named(given: str | None, option: str) -> list[str] | None:
    """Return names that commas separate, or the lines of a file.

    Raises:
        InputError: there is no name, or the file cannot be read.
    """
    if given is None:
        return None
    file = "," not in given and Path(given).is_file()
    parts = read_text(Path(given), option).splitlines() if file else given.split(",")
    found = [part.strip() for part in parts if part.strip()]
    if not found:
        raise InputError(f"{option} {given}: names nothing; give names separated by commas, or a file of lines")
    return found
