"""MATLAB files of versions 4 and 5: read by SciPy, after what they claim has been checked.

SciPy allocates what a header says, and descends into cells within cells until the stack ends.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import scipy.io
from scipy.io.matlab import matfile_version

from zsl.errors import InputError

DEFLATE_AT_BEST = 1032
"""bytes that one byte of a compressed variable can stand for"""
NUMBERS = {"double": 8, "single": 4, "logical": 1} | {f"{u}int{8 * n}": n for u in ("", "u") for n in (1, 2, 4, 8)}
"""class of a variable -> bytes a number"""
LARGEST_CELLS = 64 * 2**20
"""bytes of a cell array, uncompressed"""
_COMPRESSED, _MATRIX = 15, 14
_CHAR = 4


def read(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Those of ``keys`` that the file has.

    Raises:
        InputError: a variable is neither numbers nor text, or larger than the file can hold.
        Exception: SciPy raises many kinds for a damaged file.
    """
    version = matfile_version(str(path))[0]
    variables = scipy.io.whosmat(str(path))
    size = path.stat().st_size
    for name, shape, kind in variables:
        if name not in keys:
            continue
        if kind not in NUMBERS and kind not in ("char", "cell"):
            cure = "use cellstr(…)" if kind == "opaque" else "save it as numbers: full(…), double(…)"
            raise InputError(f"{path}: {name} is {_article(kind)}, which holds no plain numbers; {cure}")
        if min(shape, default=0) < 0 or beyond(math.prod(shape) * NUMBERS.get(kind, 1), size):
            raise InputError(f"{path}: {name} claims {shape} values, which the file cannot hold; copy it again")
    cells = [place for place, (name, _, kind) in enumerate(variables) if name in keys and kind == "cell"]
    if cells and version == 1:
        with path.open("rb") as file:
            for place, element in enumerate(_variables(file, cells)):
                if element is not None:
                    _require_text(element, f"{path}: {variables[place][0]}")
    content = scipy.io.loadmat(str(path), variable_names=list(keys))
    return {key: _plain(content[key]) for key in keys if key in content}


def beyond(claimed: int, on_disk: int) -> bool:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else claimed
    return claimed > min(on_disk * DEFLATE_AT_BEST, memory)


def _article(kind: str) -> str:
    return {"sparse": "a sparse matrix", "opaque": "a string or object array"}.get(kind, f"a {kind}")


def _plain(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype == object:
        return np.array([_text(cell) for cell in array.ravel()], dtype=str)
    return np.atleast_1d(array) if array.dtype.kind == "U" else array


def _text(cell: Any) -> str:
    return str(np.asarray(cell).ravel()[0]) if np.asarray(cell).size else ""


def _variables(file: BinaryIO, wanted: Sequence[int]) -> list[bytes | None]:
    """The elements of the file up to the last one wanted, uncompressed; None for those that are not."""
    order = "<" if file.read(128)[126:] == b"IM" else ">"
    found: list[bytes | None] = []
    while len(found) <= max(wanted):
        kind, size = struct.unpack(f"{order}2I", file.read(8))
        if len(found) not in wanted:
            file.seek(size, os.SEEK_CUR)
            found.append(None)
            continue
        content = file.read(size)
        if kind == _COMPRESSED:
            content = zlib.decompressobj().decompress(content, LARGEST_CELLS)[8:]
        found.append(order.encode() + content)
    return found


def _require_text(content: bytes, where: str) -> None:
    """Refuse a cell array whose cells are anything but text: subelements are flags, dimensions, name, and the cells."""
    order, data, at = content[:1].decode(), memoryview(content)[1:], 0
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
                raise InputError(f"{where} has a cell (number {number - 2}) that is not text; give one name a cell")
        at += 8 + size + (-size % 8 if kind != _COMPRESSED else 0)
