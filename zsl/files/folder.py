"""Output folders: made on demand, and removed if they stay empty."""

from __future__ import annotations

import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zsl.errors import InputError
from zsl.files.atomic import UNFINISHED, locked


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

    A process that is killed within the block leaves the temporary folder; the next process that makes ``path`` removes
    it.

    Raises:
        InputError: ``path`` exists and is not an empty folder, or the folder cannot be written.
    """
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        raise InputError(f"{key}: {path} exists already; give a new folder, or remove it")
    with folder(path.parent, key):
        try:
            _remove_abandoned(path)
            with _fresh(path) as fresh:
                inner = fresh / "new"
                inner.mkdir()
                yield inner
                inner.replace(path)
        except OSError as error:
            raise InputError(f"{key}: {path} cannot be written ({error.strerror or error}); free the space") from error


def _name(path: Path) -> str:
    """Return the beginning of the names of temporary folders of ``path``."""
    return f".{path.name[:40]}."


@contextmanager
def _fresh(path: Path) -> Iterator[Path]:
    """Make a locked folder beside ``path``, and remove it at the end."""
    fresh, is_held = path.with_name(_name(path) + uuid.uuid4().hex), False
    try:
        while not is_held:
            fresh.mkdir()
            with _held(fresh, wait=True):
                is_held = fresh.is_dir()  # another process may have removed it before it was locked
                if is_held:
                    yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _remove_abandoned(path: Path) -> None:
    """Remove the temporary folders of ``path`` that no process has locked."""
    for other in path.parent.glob(f"{glob.escape(_name(path))}*"):
        if UNFINISHED.fullmatch(other.name) and other.is_dir() and not other.is_symlink():
            with suppress(OSError), _held(other) as is_free:
                if is_free:
                    shutil.rmtree(other, ignore_errors=True)


@contextmanager
def _held(place: Path, wait: bool = False) -> Iterator[bool]:
    """Lock a folder within the block, on systems that can; yield whether it is locked by this process."""
    if not hasattr(os, "O_DIRECTORY"):
        yield False
        return
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield locked(handle, wait)
    finally:
        os.close(handle)
