"""MATLAB files of versions 4 and 5, checked before SciPy reads them.

SciPy allocates the size given in a header, and recurses into nested cells until the stack overflows.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from scipy.io.matlab import matfile_version

from zsl.errors import InputError
from zsl.files.claimed_size import beyond

NUMBERS = {"double": 8, "single": 4, "logical": 1} | {f"{u}int{8 * n}": n for u in ("", "u") for n in (1, 2, 4, 8)}
"""class of a variable -> bytes per number"""
LARGEST_CELLS = 64 * 2**20
"""bytes of a cell array, uncompressed"""
_COMPRESSED, _MATRIX = 15, 14
_CHAR = 4


def read(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the variables among ``keys`` that the file has.

    Raises:
        InputError: a variable is neither numbers nor text, or larger than the file can hold.
        Exception: SciPy raises exceptions of many types for a damaged file.
    """
    version = matfile_version(str(path))[0]
    variables = [variable for variable in scipy.io.whosmat(str(path)) if variable[0] in keys]
    names = [name for name, _, _ in variables]
    for name, shape, kind in variables:
        if names.count(name) > 1:
            raise InputError(f"{path}: holds {name} twice; save it again")
        if kind not in NUMBERS and kind not in ("char", "cell"):
            cure = "save cellstr(…)" if kind == "opaque" else "save full(…) or double(…)"
            raise InputError(f"{path}: {name} is {_article(kind)}, not real numbers or text; {cure}")
        if min(shape, default=0) < 0 or beyond(math.prod(shape) * NUMBERS.get(kind, 1), path.stat().st_size):
            raise InputError(f"{path}: {name} claims {shape} values, which the file cannot hold; copy it again")
    if version == 1:
        _require_whole(path, {name for name, _, kind in variables if kind == "cell"})
    content = scipy.io.loadmat(str(path), variable_names=list(keys))
    logical = {name for name, _, kind in variables if kind == "logical"}
    return {key: _plain(content[key], key in logical) for key in keys if key in content}


def _article(kind: str) -> str:
    known = {"sparse": "a sparse matrix", "opaque": "a string or object array", "object": "an object"}
    return known.get(kind, f"a {kind}")


def _plain(value: Any, logical: bool) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype == object:
        return np.array([_text(cell) for cell in array.ravel()], dtype=str)
    if array.dtype.kind == "U":
        return np.atleast_1d(array)
    return array.astype(bool) if logical else array


def _text(cell: Any) -> str:
    return str(np.asarray(cell).ravel()[0]) if np.asarray(cell).size else ""


def _require_whole(path: Path, cells: Container[str]) -> None:
    """Refuse a truncated file, and cell arrays with anything but text."""
    end = path.stat().st_size
    names = iter(scipy.io.whosmat(str(path)))
    with path.open("rb") as file:
        order = "<" if file.read(128)[126:] == b"IM" else ">"
        while (at := file.tell()) + 8 <= end:
            kind, size = struct.unpack(f"{order}2I", file.read(8))
            if at + 8 + size > end:
                raise InputError(f"{path}: truncated; copy it again")
            name = next(names, ("",))[0]
            if name in cells:
                content = file.read(size)
                if kind == _COMPRESSED:
                    content = zlib.decompressobj().decompress(content, LARGEST_CELLS)[8:]
                _require_text(order, memoryview(content), f"{path}: {name}")
            file.seek(at + 8 + size)


def _require_text(order: str, data: memoryview, where: str) -> None:
    """Refuse a cell array with cells that are not text: its subelements are flags, dimensions, name, and the cells."""
    at = 0
    for number in range(1 << 24):
        if at + 8 > len(data):
            return
        kind, size = struct.unpack_from(f"{order}2I", data, at)
        if kind >> 16:  # a small element: type and size share four bytes, the data are the next four
            at += 8
            continue
        if number >= 3 and kind == _MATRIX and size:
            flags = struct.unpack_from(f"{order}I", data, at + 16)[0] if at + 20 <= len(data) else 0
            if flags & 0xFF != _CHAR:
                raise InputError(
                    f"{where} has a cell (number {number - 2}) that is not text; save one name per "
                    "cell, or numbers without cells"
                )
        at += 8 + size + (-size % 8 if kind != _COMPRESSED else 0)
