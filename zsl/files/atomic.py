"""Atomic writing of files: a file appears complete or not at all."""

from __future__ import annotations

import glob
import os
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from zsl.errors import InputError

UNFINISHED = re.compile(r"\..+\.[0-9a-f]{32}")
"""names of unfinished files"""


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically, by one rename; after a failure the previous file is unchanged.

    A process that is killed while writing leaves an unfinished file; the next process that writes to ``path`` removes
    it.

    Raises:
        InputError: the disk is full, the path cannot be written, or it is a pipe, a socket or a device.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a rename would remove /dev/null or /dev/stdout
            raise InputError(f"{path}: is a pipe, a socket or a device, which is not overwritten; give another path")
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        with _fresh(path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)  # noqa: PTH105
        _sync(path.parent)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); free the space or give a folder you can write to"
        ) from error


@contextmanager
def _fresh(path: Path) -> Iterator[BinaryIO]:
    """Open a new locked file beside ``path``; unless the block renames the file, it is removed at the end."""
    while True:
        fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        with fresh.open("xb") as file:
            if locked(file, wait=True) and not os.fstat(file.fileno()).st_nlink:
                continue  # another process removed it before it was locked
            try:
                yield file
            finally:
                fresh.unlink(missing_ok=True)
            return


def _remove_abandoned(path: Path) -> None:
    """Remove the unfinished files of ``path`` that no process has locked."""
    for other in path.parent.glob(f".{glob.escape(path.name)}.*"):
        _remove_unless_locked(other)


def _remove_unless_locked(path: Path) -> None:
    """Remove a file if it is unfinished and no process has locked it."""
    if UNFINISHED.fullmatch(path.name) and path.is_file() and not path.is_symlink():
        with suppress(OSError), path.open("r+b") as file:  # NFS locks only files that are open for writing
            if locked(file):
                path.unlink(missing_ok=True)


def locked(file: BinaryIO | int, wait: bool = False) -> bool:
    """Lock an open file, or the folder of a descriptor, for this process until it is closed.

    Returns:
        False if it is locked already or cannot be locked.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_unfinished(folder: Path) -> None:
    """Remove the unfinished files of killed processes at any depth of ``folder``; files that are being written stay."""
    for path in folder.rglob(".*"):
        _remove_unless_locked(path)


def _sync(folder: Path) -> None:
    """Write the rename itself to disk, so that it survives a power cut, on systems that can synchronise a folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
