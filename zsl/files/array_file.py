"""Arrays in ``.npy`` and ``.npz`` files, read only after the header has been compared with the size on disk."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
from numpy import ndarray as Array
from numpy.lib import format as npy

from zsl.files.claimed_size import beyond
from zsl.files.regular_file import IrregularFileError, open_regular

KINDS = "biuf"
"""dtype kinds of real numbers: truth values, integers, floating point"""
_HEADERS: dict[tuple[int, int], Any] = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class ArrayFileError(ValueError):
    """Error that an array file cannot be read; the message follows the name of the file."""


def read_array(path: Path, mmap_mode: Literal["r"] | None = None, kinds: str = KINDS) -> Array:
    """Return the array of a ``.npy`` file, in memory or as a read-only memory map.

    Nothing is unpickled, and nothing is allocated before the size of the file has been compared with its header.

    Raises:
        ArrayFileError: the path is not a regular file, the header is damaged, the size differs from shape times item
            size, or the dtype's kind is not in ``kinds``.
        OSError: the file does not exist or cannot be read.
    """
    with _opened(path) as file:
        shape, fortran, dtype = read_header(file, kinds)
        start, size = file.tell(), math.prod(shape) * dtype.itemsize
        held = os.fstat(file.fileno()).st_size - start
        if held != size:
            raise ArrayFileError(f"its header says {_bytes(size)}, the file holds {_bytes(held)}")
    order: Literal["F", "C"] = "F" if fortran else "C"
    if not size:
        return np.empty(shape, dtype, order)
    if mmap_mode is not None:
        return np.memmap(path, dtype, mmap_mode, start, shape or (1,), order).reshape(shape, order=order)
    return np.fromfile(path, dtype, offset=start).reshape(shape, order=order)


def names_of(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays in a ``.npz`` archive, in the order of the archive.

    Raises:
        ArrayFileError: the path is not a regular file or not an archive.
        OSError: the file does not exist or cannot be read.
    """
    with _opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive)
        except ArrayFileError:
            raise
        except Exception as error:  # zipfile lets through what zlib, struct and the system raise
            raise ArrayFileError(f"not an archive of arrays ({str(error) or type(error).__name__})") from error
    return tuple(name.removesuffix(".npy") for name in members if name.endswith(".npy"))


def read_archive(path: Path, names: Sequence[str], kinds: str = KINDS) -> dict[str, Array]:
    """Return the arrays called ``names`` from a ``.npz`` archive (numpy.savez, numpy.savez_compressed).

    Raises:
        ArrayFileError: the path is not a regular file or not an archive, an array is missing, or an array is refused
            for a reason given in `read_array`.
        OSError: the file does not exist or cannot be read.
    """
    with _opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _members(archive)
                return {name: _member(archive, name, kinds) for name in names}
        except ArrayFileError:
            raise
        except Exception as error:  # zipfile lets through what zlib, struct and the system raise
            raise ArrayFileError(f"not an archive of arrays ({str(error) or type(error).__name__})") from error


def _opened(path: Path) -> BinaryIO:
    try:
        return open_regular(path)
    except IrregularFileError as error:
        raise ArrayFileError(error.strerror) from error
    except ValueError as error:
        raise ArrayFileError(str(error)) from error


def _members(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of all members, which must differ: a reader would take the last of equals without a word."""
    names = archive.namelist()
    if len(set(names)) < len(names):
        raise ArrayFileError("has two arrays of one name")
    return names


def _member(archive: zipfile.ZipFile, name: str, kinds: str) -> Array:
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        raise ArrayFileError(f"has no array {name!r}") from error
    with archive.open(info) as file:
        shape, fortran, dtype = read_header(cast(BinaryIO, file), kinds)
        size = math.prod(shape) * dtype.itemsize
        if info.file_size - file.tell() != size:
            there = f"{info.file_size - file.tell():,} bytes"
            raise ArrayFileError(f"the header of {name} says {_bytes(size)}, there are {there}")
        if beyond(size, info.compress_size):
            raise ArrayFileError(f"{name} claims {_bytes(size)}, which the archive cannot hold")
        values = np.frombuffer(bytearray(file.read(size)), dtype)
    return values.reshape(shape, order="F" if fortran else "C")


def read_header(file: BinaryIO, kinds: str = KINDS) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of a ``.npy`` file: shape, whether the order is Fortran's, and dtype; leave the file at the data.

    Raises:
        ArrayFileError: the header is missing or damaged, or the dtype's kind is not in ``kinds``.
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
    if any(length < 0 or isinstance(length, bool) for length in shape) or math.prod(shape) >= 2**63:
        raise ArrayFileError(f"its header is damaged: no array has the shape {shape}")
    return shape, fortran, dtype


def _words(dtype: np.dtype[Any]) -> str:
    kinds = {"O": "Python objects", "c": "complex numbers", "U": "text", "S": "bytes", "M": "dates", "V": "records"}
    return kinds.get(dtype.kind, str(dtype))


def _bytes(count: int) -> str:
    return f"{count:,} bytes" if count < 2**40 else f"{count / 2**40:,.0f} TiB"
