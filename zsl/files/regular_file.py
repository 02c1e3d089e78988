"""Open files that nobody vouches for: pipes, devices and files without end are refused before a byte is read."""

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
"""bytes of JSON that are read, 256 MiB"""
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""an escape that stands for half of a surrogate pair"""


class IrregularFileError(OSError):
    """A path is no regular file, but a folder, a pipe, a socket or a device."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        IrregularFileError: the path is something else, such as a pipe or a device.
        ValueError: no file can have this name.
        OSError: the file is not there or cannot be read.
    """
    # without O_NONBLOCK a pipe that nobody writes to would never open
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise IrregularFileError(errno.EINVAL, "not a regular file")
    return os.fdopen(handle, "rb")


def read_bytes(path: Path, largest: int) -> bytes:
    """Read a regular file of at most ``largest`` bytes; of a larger one nothing is read.

    Raises:
        ValueError: the file is larger.
        OSError: the file is not there, no regular file, or cannot be read.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size <= largest:
            content = file.read(largest + 1)  # it may have grown since
            if len(content) <= largest:
                return content
    raise ValueError(f"larger than {largest >> 20} MiB")


def read_json(path: Path) -> Any:
    """Read a JSON file that a run wrote: UTF-8, no key twice in an object, and a line break at its end.

    Everything that runs write ends with a line break, so a file without one was cut off. No text in it holds half of a
    surrogate pair, which JSON can write but no file or terminal can hold.

    Raises:
        ValueError: the file is larger than `LARGEST_JSON`, cut off, nested too deeply, or not JSON of such text.
        OSError: the file is not there, no regular file, or cannot be read.
    """
    content = read_bytes(path, LARGEST_JSON)
    if not content.endswith(b"\n"):
        raise ValueError("the end is missing")
    try:
        value = json.loads(content.decode(), object_pairs_hook=_unique)
        if SURROGATE.search(content):
            _require_encodable(value)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _require_encodable(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair stands in a text") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = {sys.intern(key): value for key, value in pairs}
    if len(record) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return record
