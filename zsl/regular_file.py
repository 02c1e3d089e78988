"""Open files that nobody vouches for: pipes, devices and files without end are refused before a byte is read."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

LARGEST_JSON = 2**28
"""bytes of JSON that are read, 256 MiB"""


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


def read_json(path: Path) -> Any:
    """Read a JSON file that a run wrote: UTF-8, no key twice in an object, and a line break at its end.

    Everything that runs write ends with a line break, so a file without one was cut off.

    Raises:
        ValueError: the file is larger than `LARGEST_JSON`, cut off, nested too deeply, or not JSON.
        OSError: the file is not there, no regular file, or cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(LARGEST_JSON + 1)
    if len(content) > LARGEST_JSON:
        raise ValueError(f"larger than {LARGEST_JSON >> 20} MiB")
    if not content.endswith(b"\n"):
        raise ValueError("the end is missing")
    try:
        return json.loads(content.decode(), object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = {sys.intern(key): value for key, value in pairs}
    if len(record) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return record
