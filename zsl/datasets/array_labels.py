"""Labels of ``data=arrays``: class names or whole numbers, from files of arrays and tables."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array

from zsl.data.class_names import read_names, require_names
from zsl.data.class_rows import NAME_COLUMNS, NAMES, matched, refuse_mismatch
from zsl.errors import InputError
from zsl.files.named_arrays import ARRAYS, listed, open_arrays
from zsl.files.source_file import composed, require_file
from zsl.files.table import TABLES, Table, read_table

LABELS = ("labels", "label")
"""names of the labels in a file of several arrays or columns"""
_WHOLE = re.compile(r"\s*-?\d{1,18}\s*")


def require_suffix(path: Path, what: str) -> None:
    """Refuse a file that is no file of arrays, by the name of its key.

    Raises:
        InputError: its name ends in another suffix.
    """
    if path.suffix.lower() not in ARRAYS:
        raise InputError(f"{what} {path}: ends in none of {', '.join((*ARRAYS, *TABLES))}; save it as one of these")


def read_labels(path: Path, class_names: Path | None) -> tuple[Int64[Array, " n"], tuple[str, ...]]:
    """Read the labels of all images, as positions in the class names or -1, and the class names.

    Raises:
        InputError: a file is missing or damaged, or labels and names are inconsistent.
    """
    what = f"data.labels {path}"
    path = require_file(path, "data.labels", "check data.labels and data.root")
    found, own = _column(path)
    if found.dtype.kind not in "iufU" or found.size != max(found.shape, default=0) or not found.size:
        raise InputError(
            f"{what}: holds {found.dtype} of shape {found.shape}; give one class name or whole number per image"
        )
    found = found.reshape(-1)
    names = read_names(class_names) if class_names is not None else own
    if names is not None and own is not None and names != own:
        refuse_mismatch(f"data.class_names {class_names}", names, own, matched(names, own))
        names = own
    if found.dtype.kind == "U":
        return _by_name(found, names, what)
    with np.errstate(invalid="ignore", over="ignore"):
        numbers = found.astype(np.int64)
    if (numbers != found).any():
        row = int((numbers != found).argmax())
        raise InputError(f"{what}: label {found[row]} of row {row} is not a whole number; count classes from 0")
    if (numbers < -1).any():
        row = int((numbers < -1).argmax())
        raise InputError(
            f"{what}: label {numbers[row]} of row {row} is negative; count classes from 0, and use -1 for no class"
        )
    if names is None:
        kept = np.unique(numbers[numbers >= 0])
        position = np.searchsorted(kept, numbers)
        return np.where(numbers >= 0, position, -1), tuple(map(str, kept.tolist()))
    if (numbers >= len(names)).any():
        row = int((numbers >= len(names)).argmax())
        raise InputError(
            f"{what}: label {numbers[row]} of row {row}, but there are {len(names)} class names; give positions in the "
            "class names, counted from 0"
        )
    return numbers, names


def _column(path: Path) -> tuple[Array, tuple[str, ...] | None]:
    """Read the labels as stored, and the class names in the same file if the labels are numbers."""
    if path.suffix.lower() not in TABLES:
        require_suffix(path, "data.labels")
        arrays = open_arrays(path, "data.labels")
        rest = next((name for name in NAMES if name in arrays.names), None)
        found = arrays[next((name for name in LABELS if name in arrays.names), None) or arrays.pick(*LABELS)]
        if rest is None or found.dtype.kind == "U":
            return found, None
        names = arrays[rest]
        if names.dtype.kind != "U" or names.ndim != 1 or not len(names):
            raise InputError(f"{arrays.place}: {rest} is not a list of strings; save the name of every class")
        require_names(names.tolist(), f"{arrays.place}: {rest}")
        return found, tuple(names.tolist())
    table = read_table(path, "data.labels")
    heading = _label_column(table)
    texts = table.texts(heading)
    if len(table.heading) == 1 and heading.strip() in {text.strip() for text in texts}:
        raise InputError(f"{table.place}: the first line, {heading!r}, is a label too; begin with a line 'labels'")
    if texts and all(map(_WHOLE.fullmatch, texts)):
        return np.array([int(text) for text in texts], dtype=np.int64), None
    return np.array([text.strip() for text in texts], dtype=np.str_), None


def _label_column(table: Table) -> str:
    found = table.column(LABELS) or table.column(NAME_COLUMNS)
    if found is None and len(table.heading) != 1:
        raise InputError(f"{table.place}: no column 'labels', but {listed(table.heading)}; rename one of them")
    return found or table.heading[0]


def _by_name(found: Array, names: tuple[str, ...] | None, what: str) -> tuple[Int64[Array, " n"], tuple[str, ...]]:
    there, labels = np.unique(found, return_inverse=True)
    if names is None:
        names = tuple(there.tolist())
        require_names(names, f"{what}: class names")
        return labels.astype(np.int64), names
    at = {composed(name): i for i, name in enumerate(names)}
    unknown = [repr(name) for name in there.tolist() if composed(name) not in at]
    if unknown:
        raise InputError(f"{what}: not among the names of data.class_names: {listed(unknown)}; add them there")
    return np.array([at[composed(name)] for name in there.tolist()], dtype=np.int64)[labels], names
