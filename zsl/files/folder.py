"""Folders that are written to: made on demand, and removed where nothing came to lie in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zsl.errors import InputError


@contextmanager
def folder(path: Path, key: str = "paths.output") -> Iterator[None]:
    """Make the folder, and in the end take away what is new and empty of it and of those above it.

    Raises:
        InputError: it cannot be made, or not be written.
    """
    new = [place for place in (path, *path.parents) if not os.access(place, os.F_OK)]
    try:
        _make(path, key)
        yield
    finally:
        for place in new:
            with suppress(OSError):
                place.rmdir()


def _make(path: Path, key: str) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(path, os.W_OK | os.X_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(f"{key}: {path} cannot be made ({reason}); give a folder that can be written")


def expanded(key: str, path: str) -> Path:
    """The path without ``~``.

    Raises:
        InputError: it begins with the home of somebody who has none here.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        whose = path.partition("/")[0]
        why = "no home folder is known; set HOME" if whose == "~" else f"there is no user {whose[1:]}; correct it"
        raise InputError(f"{key}={path}: {why}, or write the whole path") from None
