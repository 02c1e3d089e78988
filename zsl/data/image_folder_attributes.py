"""Attributes of the classes of an image folder, from a table that people can write."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.errors import InputError


def read_attributes(path: Path, classes: tuple[str, ...]) -> dict[str, Float64[Array, "classes k"]]:
    """``original_att`` as the file says it, and ``att``, its rows scaled to length 1 (a row of zeros stays).

    A ``.csv`` has a heading and then one line a class: its folder's name and k numbers, in any order. A ``.npy`` holds
    a matrix whose rows are the seen and then the unseen classes, as the split file lists them.

    Raises:
        InputError: the file is missing or not of this form, lacks a class, or holds anything but finite numbers.
    """
    if not path.is_file():
        raise InputError(f"attributes {path}: no such file; data.attributes names a .csv or .npy file")
    matrix = _csv(path, classes) if path.suffix == ".csv" else _npy(path, classes)
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(1))[0])
        raise InputError(f"attributes {path}: class {classes[row]!r} has an entry that is not finite; give it a number")
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    return {"att": matrix / np.where(length > 0, length, 1), "original_att": matrix}


def _csv(path: Path, classes: tuple[str, ...]) -> Float64[Array, "classes k"]:
    with path.open(newline="", encoding="utf-8") as stream:
        try:
            heading, *lines = [line for line in csv.reader(stream) if line] or [[]]
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"attributes {path}: not a CSV file ({error}); save it as CSV in UTF-8") from error
    if len(heading) < 2:
        raise InputError(f"attributes {path}: no heading with attributes; begin with `class,first attribute,…`")
    rows: dict[str, list[float]] = {}
    for name, *values in lines:
        if name in rows:
            raise InputError(f"attributes {path}: class {name!r} stands twice; give it one line")
        try:
            rows[name] = [float(value) for value in values]
        except ValueError as error:
            raise InputError(f"attributes {path}: class {name!r}: {error}; give numbers") from error
        if len(values) != len(heading) - 1:
            raise InputError(f"attributes {path}: class {name!r} has {len(values)} numbers, not {len(heading) - 1}")
    if missing := [name for name in classes if name not in rows]:
        raise InputError(f"attributes {path}: no line for class {missing[0]!r}; give every class one")
    return np.array([rows[name] for name in classes], dtype=np.float64)


def _npy(path: Path, classes: tuple[str, ...]) -> Float64[Array, "classes k"]:
    try:
        matrix = np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
    except (ValueError, TypeError, EOFError, OSError) as error:
        raise InputError(f"attributes {path}: neither .csv nor .npy of numbers; use numpy.save") from error
    if matrix.ndim != 2 or len(matrix) != len(classes) or not matrix.shape[1]:
        raise InputError(
            f"attributes {path}: shape {matrix.shape}; {len(classes)} rows are needed, one a class, seen before unseen"
        )
    return matrix
