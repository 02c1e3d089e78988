"""MATLAB files of version 7.3, which are HDF5 files, checked before h5py reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from zsl.errors import InputError
from zsl.files.hdf5 import require_dataset

LONGEST = 1 << 16
"""the largest number of characters in a cell"""


def read(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the variables among ``keys`` that the file has, transposed to the shape that MATLAB shows.

    Raises:
        InputError: a variable is neither numbers nor text, larger than the file can hold, or stored in another file.
        Exception: h5py raises exceptions of many types for a damaged file.
    """
    with h5py.File(path, "r") as file:
        return {key: _read(file, key, f"{path}: {key}") for key in keys if file.get(key, getlink=True) is not None}


def _read(file: h5py.File, key: str, where: str) -> np.ndarray:
    if not isinstance(file.get(key, getlink=True), h5py.HardLink):
        raise InputError(f"{where} is a link to another object; save the numbers themselves")
    node = require_dataset(file[key], where)
    if node.attrs.get("MATLAB_empty"):
        lengths = tuple(int(length) for length in np.ravel(node[()]))[:32]
        if all(lengths):
            raise InputError(f"{where} is marked as empty and is not; copy it again")
        return np.zeros(lengths)
    if h5py.check_ref_dtype(node.dtype) is h5py.Reference:
        cells = np.asarray(node[()]).T.ravel()
        return np.array([_text(file, cell, where) for cell in cells], dtype=str)
    if h5py.check_string_dtype(node.dtype) is not None:
        texts = np.asarray(node[()]).T.ravel()
        return np.array([text.decode() if isinstance(text, bytes) else str(text) for text in texts], dtype=str)
    if node.attrs.get("MATLAB_class") in (b"char", "char"):
        return np.array([_decoded(row) for row in np.atleast_2d(np.asarray(node[()]).T)], dtype=str)
    array = np.asarray(node[()]).T
    return array.astype(bool) if node.attrs.get("MATLAB_class") in (b"logical", "logical") else array


@contextmanager
def opened(path: Path, key: str) -> Iterator[h5py.Dataset | None]:
    """Open a numeric variable without reading it, within the block; its axes are those of MATLAB, reversed.

    None where the file has no such variable.

    Raises:
        InputError: the variable is not real numbers, larger than the file can hold, or stored in another file.
    """
    with h5py.File(path, "r") as file:
        link = file.get(key, getlink=True)
        if link is not None and not isinstance(link, h5py.HardLink):
            raise InputError(f"{path}: {key} is a link to another object; save the numbers themselves")
        node = None if link is None else require_dataset(file[key], f"{path}: {key}")
        if node is not None and node.dtype.kind not in "biuf":
            raise InputError(f"{path}: {key} holds text, not real numbers; save double(…)")
        yield node


def _text(file: h5py.File, reference: Any, where: str, nested: bool = False) -> str:
    """Return the text of a cell; several texts in a cell of cells are joined by commas."""
    if not reference:
        raise InputError(f"{where} has a cell with an empty reference; copy the file again")
    cell = require_dataset(file[reference], where)
    if cell.attrs.get("MATLAB_empty"):
        return ""
    if h5py.check_ref_dtype(cell.dtype) is h5py.Reference and cell.size <= LONGEST and not nested:
        return ", ".join(_text(file, inner, where, nested=True) for inner in np.asarray(cell[()]).ravel("F"))
    if cell.dtype.kind not in "ui" or cell.size > LONGEST:
        raise InputError(f"{where} has a cell that is not text; save one name per cell, or numbers without cells")
    return _decoded(np.asarray(cell[()]).ravel("F"))


def _decoded(codes: np.ndarray) -> str:
    """Decode text from UTF-16 code units."""
    return codes.astype("<u2").tobytes().decode("utf-16-le", errors="replace")
