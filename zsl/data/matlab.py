"""MATLAB files, versions 5 to 7.3, as numpy arrays."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from scipy.io.matlab import MatWriteError

from zsl.errors import InputError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Those of ``keys`` that the file has: numeric arrays as MATLAB shows them, cell arrays of text as 1-d arrays of
    str.

    Raises:
        InputError: there is no such file, or it is not a MATLAB file, or it is cut short.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; check data.root, data.features and data.splits")
    try:
        found = _read_hdf5(path, keys) if _is_hdf5(path) else _read_v5(path, keys)
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not a readable MATLAB file ({reason}); copy it again") from error
    return found


def encode(content: Mapping[str, Any]) -> bytes:
    """A MATLAB 5 file of these arrays; arrays of objects become cell arrays.

    Raises:
        InputError: an array is too large for the format.
    """
    file = io.BytesIO()
    try:
        scipy.io.savemat(file, dict(content), do_compression=False)  # type: ignore[arg-type]
    except MatWriteError as error:
        raise InputError(f"{error}: more than a MATLAB 5 file can hold; ask for fewer features a class") from error
    return file.getvalue()


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(520)
    return HDF5_SIGNATURE in (head[:8], head[512:520])


def _read_v5(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    content = scipy.io.loadmat(str(path), variable_names=list(keys))
    found = {}
    for key in keys:
        if key in content:
            array = np.asarray(content[key])
            found[key] = np.array([_text(cell) for cell in array.ravel()]) if array.dtype == object else array
    return found


def _text(cell: Any) -> str:
    return str(np.asarray(cell).ravel()[0]) if np.asarray(cell).size else ""


def _read_hdf5(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(path, "r") as file:
        for key in keys:
            if key in file:
                array = np.asarray(file[key][()]).T
                if array.dtype == object:
                    array = np.array(
                        ["".join(map(chr, np.asarray(file[ref][()]).ravel("F").astype(int))) for ref in array.ravel()]
                    )
                found[key] = array
    return found
