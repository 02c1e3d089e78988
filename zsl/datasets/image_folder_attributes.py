"""Attributes of the classes of an image folder, from a table or a ``.npy`` file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.data.class_names import find_name, normalised, suggest_name
from zsl.errors import InputError
from zsl.files.array_file import ArrayFileError, read_array
from zsl.files.source_file import read_text, require_file
from zsl.files.table import TEXTS as TABLES
from zsl.files.table import parse, real_number


def read_attributes(path: Path, classes: tuple[str, ...]) -> dict[str, Float64[Array, "classes k"]]:
    """Read ``original_att`` as in the file, and compute ``att`` by scaling rows to length 1 (a row of zeros is kept).

    A ``.csv`` (``.tsv``, ``.txt``) has a heading and then one line per class, in any order: the name of its folder and
    k numbers. The separator is a comma, semicolon, tab or bar; with any separator but the comma, numbers may have a
    decimal comma. A name equals that of the folder in Unicode's normal form C, or has the same normalised form:
    ``Barn Swallow`` for ``002.Barn_Swallow``. A ``.npy`` contains a matrix whose rows are the seen and then the unseen
    classes, in the order of the split file.

    Raises:
        InputError: the file is missing or has another format, lacks a class, or contains values that are not finite
            numbers.
    """
    path = require_file(path, "attributes", "data.attributes names a .csv or .npy file")
    suffix = path.suffix.lower()
    if suffix not in (*TABLES, ".npy"):
        raise InputError(f"attributes {path}: ends in none of {', '.join((*TABLES, '.npy'))}; save it as one of these")
    matrix = _csv(path, classes) if suffix in TABLES else _npy(path, classes)
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(1))[0])
        raise InputError(f"attributes {path}: class {classes[row]!r} has an entry that is not finite; give a number")
    largest = np.abs(matrix).max(axis=1, keepdims=True)
    # the squares of numbers beyond 1e±150 overflow or underflow
    scaled = matrix / np.where((largest > 1e150) | ((largest > 0) & (largest < 1e-150)), largest, 1)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    return {"att": scaled / np.where(length > 0, length, 1), "original_att": matrix}


def _csv(path: Path, classes: tuple[str, ...]) -> Float64[Array, "classes k"]:
    text = read_text(path, "attributes", "save it as CSV in UTF-8")
    try:
        heading, lines, separator = parse(text)
    except csv.Error as error:
        raise InputError(f"attributes {path}: not a CSV file ({error}); save it as CSV in UTF-8") from error
    if len(heading) < 2:
        raise InputError(f"attributes {path}: no heading with attributes; begin with `class,first attribute,…`")
    rows: dict[str, list[float]] = {}
    for name, *values in lines:
        if name in rows:
            raise InputError(f"attributes {path}: class {name!r} occurs twice; give it one line")
        try:
            rows[name] = [real_number(value, separator) for value in values]
        except ValueError as error:
            raise InputError(f"attributes {path}: class {name!r}: {error}; give numbers") from error
        if len(values) != len(heading) - 1:
            raise InputError(f"attributes {path}: class {name!r} has {len(values)} numbers, not {len(heading) - 1}")
    lines_of = {name: found for name in classes if (found := _line_of(name, classes, rows)) is not None}
    if missing := [name for name in classes if name not in lines_of]:
        offer = suggest_name(
            missing[0], [name for name in rows if name not in lines_of.values()], "give every class one"
        )
        raise InputError(f"attributes {path}: no line for class {missing[0]!r}; {offer}")
    return np.array([rows[lines_of[name]] for name in classes], dtype=np.float64)


def _line_of(name: str, classes: Sequence[str], rows: Mapping[str, list[float]]) -> str | None:
    """Return the name under which a class has its line, or None."""
    if (found := find_name(name, rows)) is not None:
        return found
    alike = [row for row in rows if normalised(row) == normalised(name) and row not in classes]
    return alike[0] if len(alike) == 1 else None


def _npy(path: Path, classes: tuple[str, ...]) -> Float64[Array, "classes k"]:
    try:
        with np.errstate(over="ignore"):
            matrix = read_array(path).astype(np.float64)
    except (OSError, ArrayFileError) as error:
        raise InputError(f"attributes {path}: {error}; save real numbers with numpy.save") from error
    if matrix.ndim != 2 or len(matrix) != len(classes) or not matrix.size:
        raise InputError(
            f"attributes {path}: shape {matrix.shape}; give {len(classes)} rows, one per class, seen before unseen"
        )
    return matrix
