"""Arrays by name from ``.npz``, ``.pt``, ``.safetensors`` and HDF5, and the one array of a ``.npy`` or ``.pt`` file."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.files.array_file import KINDS, ArrayFileError, names_of, read_archive, read_array
from zsl.files.claimed_size import beyond
from zsl.files.hdf5 import require_dataset

TORCH = (".pt", ".pth")
HDF5 = (".h5", ".hdf5")
ARRAYS = (".npy", ".npz", *TORCH, ".safetensors", *HDF5)
"""suffixes of the supported formats"""
ALONE = ""
"""name given to the array of a file with one unnamed array"""


@dataclass(frozen=True)
class NamedArrays:
    """Arrays of a file, read on access: real numbers, or text of NumPy's kind ``U``."""

    place: str
    """purpose and path of the file, for messages"""
    names: tuple[str, ...]
    _read: Callable[[str], Shaped[Array, "..."]]

    def __getitem__(self, name: str) -> Shaped[Array, "..."]:
        """Read the array called ``name``.

        Raises:
            InputError: the array is damaged, or contains neither real numbers nor text.
        """
        try:
            return self._read(name)
        except InputError:
            raise
        except Exception as error:  # the libraries raise exceptions of many types for a damaged file
            raise _unreadable(self.place, error) from error

    def pick(self, *wanted: str) -> str:
        """Return the first of the ``wanted`` names that the file has, or else the name of its only array.

        Raises:
            InputError: there are several arrays and none of them has a wanted name, or there is no array.
        """
        found = next((name for name in wanted if name in self.names), None)
        if found is None and len(self.names) != 1:
            there = listed(self.names) if self.names else "none"
            raise InputError(f"{self.place}: has no array {wanted[0]!r}, but {there}; rename one of them")
        return self.names[0] if found is None else found


def open_arrays(path: Path, what: str) -> NamedArrays:
    """Open a file of arrays by its suffix, one of `ARRAYS`; nothing is unpickled or executed.

    A ``.npy`` file is memory-mapped. A ``.pt`` file contains a tensor, or a dictionary of tensors, numbers and lists of
    text. Lists of text of a ``.safetensors`` file are in its metadata, as JSON.

    Raises:
        InputError: the file is damaged or of another format, or a library that reads it is not installed.
    """
    place, suffix = f"{what} {path}", path.suffix.lower()
    try:
        if suffix == ".npy":
            return _held(place, {ALONE: read_array(path, "r", KINDS + "U")})
        if suffix == ".npz":
            return NamedArrays(place, names_of(path), lambda name: read_archive(path, [name], KINDS + "U")[name])
        if suffix in TORCH:
            return _torch(path, place)
        if suffix == ".safetensors":
            return _safetensors(path, place)
        return _hdf5(path, place)
    except InputError:
        raise
    except Exception as error:  # the libraries raise exceptions of many types for a damaged file
        raise _unreadable(place, error) from error


def listed(names: Iterable[str], most: int = 8) -> str:
    """List the first ``most`` names, and count the remaining names."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _unreadable(place: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, ArrayFileError):
        return InputError(f"{place}: {reason}; save real numbers or text with NumPy")
    return InputError(f"{place}: cannot be read ({reason}); write it again")


def _held(place: str, arrays: Mapping[str, Array]) -> NamedArrays:
    return NamedArrays(place, tuple(arrays), arrays.__getitem__)


def _torch(path: Path, place: str) -> NamedArrays:
    import torch

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(beyond(member.file_size, member.compress_size) for member in archive.infolist()):
                raise InputError(f"{place}: claims more data than the file can hold; write it again")
            if (damaged := archive.testzip()) is not None:
                raise InputError(f"{place}: {damaged} does not match its checksum; copy it again")
    try:
        with warnings.catch_warnings(action="ignore"):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types, and most messages advise to load without weights_only
        raise InputError(
            f"{place}: damaged, or cannot be read without executing code from it; save a dictionary of tensors and "
            "lists of text with torch.save"
        ) from error
    if isinstance(content, torch.Tensor):
        return _held(place, {ALONE: _of_tensor(content, place)})
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise InputError(f"{place}: is a {type(content).__name__}; save a tensor, or a dictionary of tensors")
    return NamedArrays(place, tuple(content), lambda name: _of_value(content[name], f"{place}: {name}"))


def _of_value(value: Any, where: str) -> Shaped[Array, "..."]:
    import torch

    if isinstance(value, torch.Tensor):
        return _of_tensor(value, where)
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return np.array(value, dtype=np.str_)
    if isinstance(value, list | tuple) and value and all(type(item) in (int, float) for item in value):
        return np.array(value)
    raise InputError(f"{where} is a {type(value).__name__}; save a tensor, or a list of text")


def _of_tensor(tensor: Any, where: str) -> Shaped[Array, "..."]:
    import torch

    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
        raise InputError(f"{where} is not a dense tensor of real numbers; save tensor.to_dense() or tensor.real")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise InputError(f"{where} claims more numbers than the file contains; save tensor.contiguous()")
    tensor = tensor.detach()
    if tensor.dtype.is_floating_point and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        tensor = tensor.float()
    array: Shaped[Array, "..."] = tensor.numpy()
    return array


def _safetensors(path: Path, place: str) -> NamedArrays:
    try:
        from safetensors import safe_open
    except ImportError as error:
        raise InputError(f"{place}: safetensors is not installed; pip install 'zsl[arrays]'") from error
    with safe_open(path, framework="pt") as file:
        names, texts = tuple(file.keys()), file.metadata() or {}
    lists = {name: found for name, text in texts.items() if name not in names and (found := _texts(text)) is not None}

    def read(name: str) -> Shaped[Array, "..."]:
        if name in lists:
            return lists[name]
        with safe_open(path, framework="pt") as file:
            return _of_tensor(file.get_tensor(name), f"{place}: {name}")

    return NamedArrays(place, (*names, *lists), read)


def _texts(text: str) -> Shaped[Array, " n"] | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_list = isinstance(content, list) and content and all(isinstance(item, str) for item in content)
    return np.array(content, dtype=np.str_) if is_list else None


def _hdf5(path: Path, place: str) -> NamedArrays:
    import h5py

    with h5py.File(path, "r") as file:
        names = tuple(map(str, file))
    return NamedArrays(place, names, partial(_hdf5_array, path, place))


def _hdf5_array(path: Path, place: str, name: str) -> Shaped[Array, "..."]:
    import h5py

    with h5py.File(path, "r") as file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise InputError(f"{place}: {name} is a link to another object; save the numbers themselves")
        node = require_dataset(file[name], f"{place}: {name}")
        if h5py.check_string_dtype(node.dtype) is not None:
            return np.array(np.asarray(node.asstr()[()]), dtype=np.str_)
        if node.dtype.kind not in KINDS:
            raise InputError(f"{place}: {name} holds references; save the numbers or the text themselves")
        return np.asarray(node[()])
