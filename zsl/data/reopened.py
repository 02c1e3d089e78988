"""Memory maps that are handed to another process: it opens the file again, and no value is sent."""

from __future__ import annotations

import mmap
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
from numpy import ndarray as Array


def send_maps_by_name() -> None:
    """Send memory maps to processes that this one starts by name and place of their file.

    A process that is started by ``spawn`` would otherwise be sent all values, and hold them in its own memory.
    """
    ForkingPickler.register(np.memmap, _reduced)


def _reduced(array: np.memmap[Any, Any]) -> tuple[Any, ...]:
    root: Any = array
    while isinstance(root.base, np.memmap):
        root = root.base
    whole = isinstance(root.base, mmap.mmap) and array.filename is not None and root.mode == "r"
    if not (whole and array.flags.c_contiguous and array.size):
        return np.ndarray.__reduce__(array)  # type: ignore[return-value]
    place = root.offset + array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return _opened, (str(array.filename), array.dtype, array.shape, place)


def _opened(file: str, dtype: np.dtype[Any], shape: tuple[int, ...], place: int) -> Array:
    return np.memmap(file, dtype, "r", place, shape)
