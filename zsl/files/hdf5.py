"""Datasets of HDF5 files, checked before memory is allocated: type, claimed size, and that no other file is read."""

from __future__ import annotations

import math
from typing import Any

import h5py

from zsl.errors import InputError
from zsl.files.claimed_size import beyond


def require_dataset(node: Any, where: str) -> h5py.Dataset:
    """Return a node if it is a dataset of real numbers, text or references that is stored in the file itself.

    Raises:
        InputError: the node is a group, is stored in another file, has another type, or claims more values than the
            file can hold.
    """
    if not isinstance(node, h5py.Dataset):
        raise InputError(f"{where} is a struct or a sparse matrix, not a plain array; save full(…)")
    if node.is_virtual or node.external:
        raise InputError(f"{where} is stored in another file; save the numbers themselves")
    kind = node.dtype.kind
    names = h5py.check_ref_dtype(node.dtype) is h5py.Reference or h5py.check_string_dtype(node.dtype) is not None
    if kind not in "biuf" and not names:
        what = "complex numbers" if set(node.dtype.names or ()) == {"real", "imag"} else f"{node.dtype}"
        raise InputError(f"{where} holds {what[:60]}, not real numbers; save real(…)")
    # a dataset without stored chunks consists of its fill value, whatever its size
    if node.shape is None or (node.size and beyond(node.size * node.dtype.itemsize, node.id.get_storage_size())):
        raise InputError(f"{where} claims {node.shape} values, which the file cannot hold; copy it again")
    if node.chunks is not None:  # HDF5 reads a chunk that was never written as its fill value
        expected = math.prod(-(-length // chunk) for length, chunk in zip(node.shape, node.chunks, strict=True))
        if node.id.get_num_chunks() != expected:
            raise InputError(f"{where} was not written to its end; write it again")
    return node
