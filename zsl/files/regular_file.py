"""Safe reading of untrusted files: pipes, devices and oversized files are refused before a byte is read."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

LARGEST_JSON = 2**28
"""the largest number of bytes of a JSON file, 256 MiB"""
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""a JSON escape of half of a surrogate pair"""


class IrregularFileError(OSError):
    """Error that a path is not a regular file, but a folder, a pipe, a socket or a device."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        IrregularFileError: the path is not a regular file, but for example a pipe or a device.
        ValueError: the path is not a valid file name.
        OSError: the file does not exist or cannot be read.
    """
    # without O_NONBLOCK, opening a pipe without a writer would block
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise IrregularFileError(errno.EINVAL, "not a regular file")
    return os.fdopen(handle, "rb")


def read_bytes(path: Path, largest: int) -> bytes:
    """Read a regular file of at most ``largest`` bytes; a larger file is not read at all.

    Raises:
        ValueError: the file is larger than ``largest`` bytes.
        OSError: the file does not exist, is not a regular file, or cannot be read.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size <= largest:
            content = file.read(largest + 1)  # the file may have grown since
            if len(content) <= largest:
                return content
    raise ValueError(f"larger than {largest >> 20} MiB")


def read_json(path: Path) -> Any:
    """Read a JSON file written by a run: UTF-8, distinct keys in every object, and a line break at the end.

    All files written by runs end with a line break, so a file without one is truncated. Half of a surrogate pair,
    which JSON can escape but UTF-8 cannot encode, is refused.

    Raises:
        ValueError: the file is larger than `LARGEST_JSON`, truncated, nested too deeply, or not such JSON.
        OSError: the file does not exist, is not a regular file, or cannot be read.
    """
    content = read_bytes(path, LARGEST_JSON)
    if not content.endswith(b"\n"):
        raise ValueError("the end is missing")
    try:
        value = json.loads(content.decode(), object_pairs_hook=distinct_keys)
        if SURROGATE.search(content):
            _require_encodable(value)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _require_encodable(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("a text contains half of a surrogate pair") from error


def distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make the object of a JSON file of its pairs.

    Raises:
        ValueError: a key occurs twice.
    """
    record = {sys.intern(key): value for key, value in pairs}
    if len(record) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice")
    return record
