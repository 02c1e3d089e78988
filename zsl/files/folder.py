"""Output folders: made on demand, and removed if they stay empty."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from zsl.errors import InputError


@contextmanager
def folder(path: Path, key: str = "paths.output") -> Iterator[None]:
    """Make a folder with its parents; at the end of the block, remove those that are new and empty.

    Raises:
        InputError: the folder cannot be made, or cannot be written to.
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
    """Return the path with ``~`` or ``~user`` expanded.

    Raises:
        InputError: the home folder is not known, or there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        whose = path.partition("/")[0]
        why = "no home folder is known; set HOME" if whose == "~" else f"there is no user {whose[1:]}; correct it"
        raise InputError(f"{key}={path}: {why}, or write the whole path") from None


@contextmanager
def new_folder(path: Path, key: str) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to ``path`` at the end of the block, or removed if the block fails.

    Raises:
        InputError: ``path`` exists and is not an empty folder, or the folder cannot be written.
    """
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        raise InputError(f"{key}: {path} exists already; give a new folder, or remove it")
    with folder(path.parent, key):
        try:
            with TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:40]}.", ignore_cleanup_errors=True) as fresh:
                inner = Path(fresh) / "new"
                inner.mkdir()
                yield inner
                inner.replace(path)
        except OSError as error:
            raise InputError(f"{key}: {path} cannot be written ({error.strerror or error}); free the space") from error
