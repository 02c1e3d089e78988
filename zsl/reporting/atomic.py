"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path

from zsl.errors import InputError

UNFINISHED = re.compile(r"\..+\.[0-9a-f]{32}")
"""names of files that are being written"""


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` under ``path`` by one rename; whatever fails, the file that was there stays whole.

    Raises:
        InputError: the disk is full, or the place cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with fresh.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)  # noqa: PTH105
        finally:
            fresh.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); free the space or give a folder you can write to"
        ) from error


def remove_unfinished(folder: Path) -> None:
    """Remove what a process that was killed while it wrote has left at any depth of ``folder``; nobody may be writing
    there.
    """
    for path in folder.rglob(".*"):
        if UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system lets a folder be synchronised."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
