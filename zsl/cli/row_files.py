"""Files with one row an image or a text: embeddings, and groups or labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray as Array

from zsl.data.class_rows import NAMES, matched, refuse_mismatch
from zsl.errors import InputError
from zsl.files.named_arrays import ARRAYS, open_arrays
from zsl.files.source_file import require_file
from zsl.files.table import TABLES, read_table


def embeddings(path: Path, what: str, *names: str) -> Array:
    """Read the array with one of these names, or the only array, of a file of arrays.

    Raises:
        InputError: the file is missing, damaged or of another format, or has several arrays and none of these names.
    """
    arrays = open_arrays(_file(path, what, ARRAYS), what)
    return arrays[arrays.pick(*names, "embeddings", "features")]


def texts_of(classes: Sequence[str], path: Path, what: str, *names: str) -> Array:
    """Read embeddings of one text a class, found by the names of rows where the file has them (:data:`.NAMES`).

    Raises:
        InputError: as of :func:`embeddings`, they are no matrix, or the names of rows are not those of the classes.
    """
    arrays = open_arrays(_file(path, what, ARRAYS), what)
    found = arrays[arrays.pick(*names, "embeddings", "features")]
    if found.ndim != 2:
        raise InputError(f"{arrays.place}: shape {found.shape} is not a matrix; give one row per class")
    key = next((key for key in NAMES if key in arrays.names and arrays[key].dtype.kind == "U"), None)
    if key is None:
        return found
    there = [str(name) for name in arrays[key].ravel()]
    place = matched(there, classes)
    refuse_mismatch(arrays.place, there, classes, place)
    if len(there) != len(found):
        raise InputError(f"{arrays.place}: {len(found)} rows, and {len(there)} {key}; give one name a row")
    return np.asarray(found[[place[name] for name in classes]])


def groups(path: Path, what: str, *names: str) -> Array:
    """Read one whole number or name a row: an array, or the column of a table with one of these headings.

    Raises:
        InputError: the file is missing, damaged or of another format, or holds several columns and none of these.
    """
    path = _file(path, what, (*ARRAYS, *TABLES))
    if path.suffix.lower() not in TABLES:
        arrays = open_arrays(path, what)
        return arrays[arrays.pick(*names)].reshape(-1)
    table = read_table(path, what)
    column = table.column(names) or (table.heading[0] if len(table.heading) == 1 else None)
    if column is None:
        raise InputError(f"{table.place}: no column {names[0]!r}; rename one of {', '.join(table.heading[:8])}")
    texts = [text.strip() for text in table.texts(column)]
    whole = all(text.lstrip("-").isdecimal() and len(text) <= 18 for text in texts)
    return np.array([int(text) for text in texts], np.int64) if whole and texts else np.array(texts, np.str_)


def _file(path: Path, what: str, suffixes: tuple[str, ...]) -> Path:
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{what} {path}: ends in none of {', '.join(suffixes)}; save it as one of these")
    return require_file(path, what, "correct the path")


def stored(folder: Path, names: list[str] | None) -> Array:
    """Read the features of a store of ``zsl extract``, in the order of the names of images.

    Raises:
        InputError: the folder is no finished store, has no image of a name, or there are no names.
    """
    from zsl.features.store import open_store

    store = open_store(folder)
    if names is None:
        raise InputError(f"--images {folder}: LABELS has no column image, which tells the rows of a store; add it")
    at = {name: i for i, name in enumerate(store.names)}
    if missing := [name for name in names if name not in at]:
        raise InputError(f"--images {folder}: has no image {missing[0]!r}, but {store.names[0]!r}; correct the names")
    return np.asarray(store.features[np.array([at[name] for name in names])])
