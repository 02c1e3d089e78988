"""Folders that are written to: made on demand, and removed where nothing came to lie in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

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


@contextmanager
def new_folder(path: Path, key: str) -> Iterator[Path]:
    """Fill a folder beside ``path`` that gets its name in the end, or is removed where the block fails.

    Raises:
        InputError: there is something under that name, other than an empty folder, or the folder cannot be written.
    """
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        raise InputError(f"{key}: {path} is there already; give a new folder, or remove it")
    with folder(path.parent, key):
        try:
            with TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:40]}.", ignore_cleanup_errors=True) as fresh:
                inner = Path(fresh) / "new"
                inner.mkdir()
                yield inner
                inner.replace(path)
        except OSError as error:
            raise InputError(f"{key}: {path} cannot be written ({error.strerror or error}); free the space") from error
