"""Arrays that a user hands over: anything that NumPy or PyTorch can read as numbers, checked and named in messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, Shaped
from numpy import ndarray as Array
from torch import Tensor

from zsl.errors import InputError


def array_of(name: str, value: object) -> Shaped[Array, "..."]:
    """Return a value as an array: an array, a tensor of any kind and device, or nested lists of numbers.

    Raises:
        InputError: rows have different lengths, or the value is no array at all; the message begins with ``name``.
    """
    try:
        if isinstance(value, Tensor):
            value = value.detach().cpu().to_dense()
            return np.asarray((value.float() if value.dtype is torch.bfloat16 else value).numpy())
        if isinstance(value, Sequence) and any(isinstance(row, Tensor) for row in value):
            value = [row.detach().cpu().numpy() if isinstance(row, Tensor) else row for row in value]
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = "rows of different lengths" if "inhomogeneous" in str(error) else " ".join(str(error).split())
        raise InputError(f"{name}: is no array ({reason}); give rows of numbers, all of one length") from error


def features_of(name: str, x: object, width: int | None = None) -> Float32[Array, "n d"]:
    """Return features as a matrix of finite 32-bit numbers, one row an image.

    Args:
        name: of the argument, for the message.
        x: features.
        width: the number of columns that is expected, if one is.

    Raises:
        InputError: the value is no such matrix, or a number is beyond the range of 32 bits.
    """
    array = array_of(name, x)
    if array.ndim != 2 or not array.size or (width is not None and array.shape[1] != width):
        wanted = "a row of features for every image" if width is None else f"rows of {width} numbers"
        raise InputError(f"{name}: shape {array.shape}; give a matrix with {wanted}")
    with np.errstate(over="ignore"):
        found = array.astype(np.float32) if array.dtype.kind in "fiub" else None
    if found is None or not np.isfinite(found).all():
        raise InputError(f"{name}: not all features are finite real numbers of 32 bits; repair the array")
    return found


def embeddings_of(name: str, phi: object, rows: int, width: int | None = None) -> Float64[Array, "rows k"]:
    """Return class embeddings as a matrix of finite numbers with one row a class.

    Raises:
        InputError: the value is no such matrix, or a number is beyond the range of 32 bits.
    """
    array = array_of(name, phi)
    if array.ndim != 2 or len(array) != rows or not array.size or (width is not None and array.shape[1] != width):
        of = "" if width is None else f" of {width} numbers"
        raise InputError(f"{name}: shape {array.shape}, but there are {rows} classes; give one row{of} each")
    if array.dtype.kind not in "fiub" or not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise InputError(f"{name}: not all numbers are finite real numbers of 32 bits; repair the array")
    return array.astype(np.float64)


def labels_of(name: str, y: object, classes: Sequence[str]) -> Int64[Array, " n"]:
    """Return labels, given as names or as positions, as positions in ``classes``.

    Raises:
        InputError: a label is no class, or there is not one label an image.
    """
    array = array_of(name, y)
    if array.ndim != 1:
        raise InputError(f"{name}: shape {array.shape}; give one label for every image")
    if array.dtype.kind in "iu":
        wrong = array[(array < 0) | (array >= len(classes))]
        if len(wrong):
            raise InputError(f"{name}: label {wrong[0]} is no position among {len(classes)} classes; count from 0")
        return array.astype(np.int64)
    place, labels = {given: i for i, given in enumerate(classes)}, array.tolist()
    for label in labels:
        if not isinstance(label, str) or label not in place:
            raise InputError(f"{name}: {label!r} is none of the classes; give names of `classes`, or their positions")
    return np.array([place[label] for label in labels], dtype=np.int64)


def require_one_each(features: Shaped[Array, "n d"], labels: Int64[Array, " m"]) -> None:
    """Refuse features and labels that differ in number.

    Raises:
        InputError: there is not one label for every row of features.
    """
    if len(features) != len(labels):
        raise InputError(f"x, y: {len(features)} rows of features and {len(labels)} labels; give one label a row")
