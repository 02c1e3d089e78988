"""MATLAB files, versions 4 to 7.3, as numpy arrays."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from jaxtyping import Num
from numpy import ndarray as Array
from scipy.io.matlab import MatWriteError

from zsl.errors import InputError
from zsl.files import matlab5, matlab73
from zsl.files.source_file import require_file

_MISTAKEN = {
    "c": ("complex numbers, not real numbers", "save real(…)"),
    "U": ("text, not real numbers", "save double(…)"),
}
"""dtype kind -> (description of the wrong type, advice)"""
ARRAYS = (".npy", ".npz", ".pt", ".pth", ".safetensors", ".h5", ".hdf5", ".parquet", ".csv", ".tsv")
"""suffixes of files that ``data=arrays`` reads"""
OTHERS = {
    b"\x93NUMPY": "an array of NumPy",
    b"PK": "a zip archive as .npz and .pt files are",
    b"PAR1": "a Parquet file",
}
"""first bytes of files of other formats -> description"""
ROWS = 4096
"""rows of a matrix that are read together"""
LARGEST_BLOCK = 1 << 26
"""most numbers that are read together"""
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read(path: Path, keys: Sequence[str], texts: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Read the variables among ``keys`` and ``texts`` that the file has.

    ``keys`` are numeric arrays with the shape that MATLAB shows, logical arrays as Booleans; ``texts`` are text and
    cell arrays of text, as 1-d arrays of str.

    The claimed size of a variable is compared with the size of the file before anything is allocated. Only this file
    is read: links to other files are refused.

    Raises:
        InputError: the file does not exist, is not a MATLAB file or is truncated, or a variable is a struct, sparse,
            complex, or of another type than real numbers (``keys``) or text (``texts``).
    """
    path = require_file(path, "", "check data.root, data.features and data.splits")
    _refuse_other_formats(path)
    with _readable(path), warnings.catch_warnings(action="ignore"):
        reader = matlab73.read if _is_hdf5(path) else matlab5.read
        found = reader(path, [*keys, *texts])
    for key, array in found.items():
        kind = array.dtype.kind
        if kind == "c" or (kind == "U") != (key in texts):
            what, cure = _MISTAKEN.get(kind, ("numbers, not text", "save a cell array with one name per cell"))
            raise InputError(f"{path}: {key} holds {what}; {cure}")
    return found


def holds(path: Path, key: str) -> bool:
    """Tell whether a file has a variable, which is not read.

    Raises:
        InputError: the file is not a MATLAB file or is truncated.
    """
    _refuse_other_formats(path)
    with _readable(path):
        if _is_hdf5(path):
            import h5py

            with h5py.File(path) as file:
                return bool(file.id.links.exists(key.encode()))
        return any(name == key for name, *_ in scipy.io.whosmat(path))


def row_blocks(path: Path, key: str, rows: int) -> Iterator[Num[Array, "block d"]]:
    """Yield the rows of a matrix that has ``rows`` of them along either axis, a few thousand at a time.

    Files of version 7.3 are read block by block, files of earlier versions, which hold 2 GiB at most, at once. Of a
    square matrix, the columns that MATLAB shows are rows. Nothing is yielded where the file has no such variable.

    Raises:
        InputError: as of :func:`read`, or neither axis has ``rows`` entries.
    """
    if not _is_hdf5(path):
        found = read(path, (key,)).get(key)
        if found is not None:
            whole = _oriented(path, key, found.T, rows)
            yield from (whole[start : start + ROWS] for start in range(0, rows, ROWS))
        return
    with _readable(path), matlab73.opened(path, key) as node:
        if node is None:
            return
        axis = _axis(path, key, node.shape, rows)
        chunk = node.chunks[axis] if node.chunks else 1
        step = max(chunk, ROWS // chunk * chunk)
        step = step if step * node.shape[1 - axis] <= LARGEST_BLOCK else ROWS  # else chunks are read more than once
        for start in range(0, rows, step):
            part = slice(start, start + step)
            yield node[part] if axis == 0 else node[:, part].T


def _axis(path: Path, key: str, shape: Sequence[int], rows: int) -> int:
    if len(shape) != 2 or rows not in shape:
        found = " × ".join(map(str, shape[::-1]))
        raise InputError(f"{path}: {key} is {found}, but there are {rows} labels; save one column an image")
    return shape.index(rows)


def _oriented(path: Path, key: str, matrix: Num[Array, "a b"], rows: int) -> Num[Array, "rows d"]:
    return matrix if _axis(path, key, matrix.shape, rows) == 0 else matrix.T


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Report whatever a library raises for a damaged file."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not a readable MATLAB file ({reason}); copy it again") from error


def encode(content: Mapping[str, Any]) -> bytes:
    """Encode arrays as a MATLAB 5 file; arrays of objects become cell arrays.

    Raises:
        InputError: an array is too large for the format.
    """
    file = io.BytesIO()
    try:
        scipy.io.savemat(file, dict(content), do_compression=False)  # type: ignore[arg-type]
    except MatWriteError as error:
        raise InputError(f"{error}: more than a MATLAB 5 file can hold; write fewer features") from error
    return file.getvalue()


def _refuse_other_formats(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(8)
    suffix = path.suffix.lower()
    known = next((what for magic, what in OTHERS.items() if head.startswith(magic)), None)
    if known or suffix in ARRAYS:
        what = known or f"a {suffix} file"
        raise InputError(f"{path}: {what}, not a MATLAB file; use data=arrays, which reads {', '.join(ARRAYS)}")


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(520)
    return HDF5_SIGNATURE in (head[:8], head[512:520])
