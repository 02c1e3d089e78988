"""Arrays in ``.npy`` files, opened only after their header has been held against what is on disk."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy import ndarray as Array
from numpy.lib import format as npy

KINDS = "biuf"
"""dtype kinds of real numbers: truth values, integers, floating point"""
_HEADERS: dict[tuple[int, int], Any] = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class ArrayFileError(ValueError):
    """A file is no array that may be read; says why, in words that follow the name of the file."""


def read_array(path: Path, mmap_mode: Literal["r"] | None = None, kinds: str = KINDS) -> Array:
    """The array of a ``.npy`` file, in memory or as a read-only memory map.

    Nothing is unpickled, and nothing is allocated before the file is known to hold what its header says.

    Raises:
        ArrayFileError: the path is no regular file, the header is damaged, the size differs from shape times item size,
            or the dtype's kind is none of ``kinds``.
        OSError: the file is not there or cannot be read.
    """
    try:
        # without O_NONBLOCK a pipe that nobody writes to would never open
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:
        raise ArrayFileError(str(error)) from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ArrayFileError("not a regular file")
        shape, fortran, dtype = read_header(file, kinds)
        start, size = file.tell(), math.prod(shape) * dtype.itemsize
        if status.st_size - start != size:
            raise ArrayFileError(f"its header says {_bytes(size)}, the file holds {_bytes(status.st_size - start)}")
    order: Literal["F", "C"] = "F" if fortran else "C"
    if not size:
        return np.empty(shape, dtype, order)
    if mmap_mode is not None:
        return np.memmap(path, dtype, mmap_mode, start, shape, order)
    return np.fromfile(path, dtype, offset=start).reshape(shape, order=order)


def read_header(file: BinaryIO, kinds: str = KINDS) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the order is Fortran's, and dtype that a ``.npy`` file begins with; the file is then at its data.

    Raises:
        ArrayFileError: it does not begin so, or the dtype's kind is none of ``kinds``.
    """
    if (magic := file.read(npy.MAGIC_LEN))[:6] != npy.MAGIC_PREFIX:
        zipped = ", but a zip archive such as numpy.savez writes" if magic[:2] == b"PK" else ""
        raise ArrayFileError(f"not a .npy file{zipped}")
    try:
        shape, fortran, dtype = _HEADERS[magic[6], magic[7]](file)
    except Exception as error:  # numpy lets through what its parser of Python expressions raises
        raise ArrayFileError("its header is damaged") from error
    if dtype.kind not in kinds:
        raise ArrayFileError(f"holds {_words(dtype)}, not {'real numbers' if kinds == KINDS else 'numbers or text'}")
    if any(length < 0 for length in shape) or math.prod(shape) >= 2**63:
        raise ArrayFileError(f"its header is damaged: no array has the shape {shape}")
    return shape, fortran, dtype


def _words(dtype: np.dtype[Any]) -> str:
    kinds = {"O": "Python objects", "c": "complex numbers", "U": "text", "S": "bytes", "M": "dates", "V": "records"}
    return kinds.get(dtype.kind, str(dtype))


def _bytes(count: int) -> str:
    return f"{count:,} bytes" if count < 2**50 else f"{count / 2**40:,.0f} TiB"
