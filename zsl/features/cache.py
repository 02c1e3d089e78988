"""Cache of arrays that are expensive to compute: checksummed, memory-mapped, written atomically."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from filelock import BaseFileLock, FileLock, Timeout
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.files.array_file import read_array
from zsl.files.content import known, unchanged
from zsl.files.folder import expanded

log = logging.getLogger(__name__)
_verifying = ContextVar("verifying", default=False)
_by_content = ContextVar("by_content", default=False)
_opening = ContextVar("opening", default=False)
log.addFilter(lambda _: not _opening.get())  # what follows an attempt to open says it again

SCHEMA = 2
_UNFINISHED = re.compile(r"\.(.+)\.(?:[0-9a-f]{32}|[a-z0-9_]{8})")
"""names of folders of unfinished entries, in this and in earlier versions"""


class NotBuiltError(Exception):
    """End of an attempt to open data that have to be built first, within :func:`opening`; caught, never shown."""


@dataclass(frozen=True)
class Entry:
    """Content of a cache entry: named arrays, and metadata for JSON."""

    arrays: Mapping[str, Array]
    meta: Mapping[str, Any]


def cached(
    root: Path, key: str, source: Mapping[str, Any], build: Callable[[], Entry], files: Sequence[Path] = ()
) -> Entry:
    """Open the cache entry ``key`` in ``root`` if it is intact and up to date, and build it otherwise.

    ``source`` is any JSON value; an entry made from another ``source`` is stale, and so is an entry made from ``files``
    with other content (see :mod:`zsl.files.content`; within :func:`by_content` every file is read completely). Every
    array has an XXH3-128 checksum that is verified at each opening (at memory bandwidth, without parsing), so a flipped
    bit is detected. An entry is written atomically, by one rename, after which it survives a power cut; the umask
    determines who may read it. Several processes may request the same entry at once. Anything else at the path of the
    entry is replaced, and unfinished entries of killed processes are removed.

    Raises:
        InputError: ``root`` cannot be written, the disk is full, or one of ``files`` changes while it is read.
    """
    folder = root.expanduser() / key
    lock = _lock(folder)
    with _writable(root):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        _remove_unfinished(folder)
        entry = _open(folder, source, files)
        if entry is None and _verifying.get():
            raise InputError(f"cache {folder}: missing, damaged, or made from other files; run `zsl data prepare`")
        if entry is None:
            before_long_work()
            if _present(folder):
                log.warning("cache %s: rebuilt", folder)
            before = known(files)
            made = build()
            if unchanged(files, before, thoroughly=True) is None:
                raise InputError(f"{files[0]}: this file or another source file changed while it was read; run again")
            with _writable(root):
                _write(folder, source, made, before)
            entry = _open(folder, source, files)
    finally:
        lock.release()
    if entry is None:
        raise InputError(f"cache {folder}: verification failed right after writing; check the disk")
    return entry


def user_cache() -> Path:
    """Return the user's own cache, ``$ZSL_CACHE`` or else ``~/.cache/zsl``, as ``paths.cache`` is by default.

    Raises:
        InputError: the home folder is not known.
    """
    return expanded("ZSL_CACHE", os.environ.get("ZSL_CACHE", "~/.cache/zsl"))


def key_part(name: str) -> str:
    """Return a readable part of a cache key that is valid in a file name: word characters, at most 80 bytes."""
    safe = re.sub(r"[^\w.+-]+", "_", name)
    return safe.encode()[:80].decode(errors="ignore")


@contextmanager
def verifying() -> Iterator[None]:
    """Raise InputError for missing, stale or damaged entries within the block, instead of building them.

    Source files are read completely.
    """
    token = _verifying.set(True)
    try:
        with by_content():
            yield
    finally:
        _verifying.reset(token)


@contextmanager
def opening() -> Iterator[None]:
    """Only open data within the block: raise NotBuiltError where something would be computed or downloaded."""
    token = _opening.set(True)
    try:
        yield
    finally:
        _opening.reset(token)


def before_long_work() -> None:
    """Mark where long work begins.

    Raises:
        NotBuiltError: within :func:`opening`.
    """
    if _opening.get():
        raise NotBuiltError


@contextmanager
def by_content() -> Iterator[None]:
    """Compare the source files of entries by content within the block: files are read completely, whatever their clues.

    Fingerprints in results depend on this.
    """
    token = _by_content.set(True)
    try:
        yield
    finally:
        _by_content.reset(token)


@contextmanager
def _writable(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"cache {root}: {why}; set ZSL_CACHE to a folder that can be written") from error


def _checksum(array: Array) -> str:
    return xxhash.xxh3_128_hexdigest(array.reshape(-1).view(np.uint8).data if array.size else b"")


def _open(folder: Path, source: Mapping[str, Any], files: Sequence[Path]) -> Entry | None:
    if not _present(folder):
        return None
    try:
        if not (folder / "entry.json").is_file():
            raise ValueError("entry.json is missing")
        record = json.loads((folder / "entry.json").read_text())
        if record["schema"] != SCHEMA or record["source"] != json.loads(json.dumps(source)):
            log.warning("cache %s is stale: its source has changed", folder)
            return None
        if record["self"] != _digest(record):
            raise ValueError("entry.json was altered")
        now = unchanged(files, record["files"], _by_content.get())
        if now is None:
            log.warning("cache %s is stale: its source has changed", folder)
            return None
        if now != record["files"]:
            with suppress(OSError):  # in a read-only cache the stored clues are not updated
                _save_record(folder, record | {"files": now})
        arrays = {}
        for name, checksum in record["checksums"].items():
            array = read_array(folder / f"{name}.npy", mmap_mode="r")
            if _checksum(array) != checksum:
                raise ValueError(f"{name}.npy does not match its checksum")
            arrays[name] = array
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("cache %s is damaged: %s", folder, error)
        return None
    return Entry(arrays, record["meta"])


def _digest(record: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in record.items() if key != "self"}
    return xxhash.xxh3_128_hexdigest(json.dumps(rest, sort_keys=True).encode())


def _save_record(folder: Path, record: dict[str, Any]) -> None:
    """Write ``entry.json`` into the folder atomically, with a checksum of itself."""
    record = json.loads(json.dumps(record))
    record["self"] = _digest(record)
    fresh = folder / ".entry.json"
    fresh.write_text(json.dumps(record, indent=1))
    fresh.replace(folder / "entry.json")


def _write(folder: Path, source: Mapping[str, Any], entry: Entry, files: Mapping[str, Any]) -> None:
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    fresh.mkdir()
    try:
        checksums = {}
        for name, array in entry.arrays.items():
            np.save(fresh / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
            checksums[name] = _checksum(read_array(fresh / f"{name}.npy", mmap_mode="r"))
        record = {"schema": SCHEMA, "source": source, "files": files, "meta": entry.meta, "checksums": checksums}
        _save_record(fresh, record)
        for path in (*fresh.iterdir(), fresh):
            _synchronise(path)
        _remove(folder)
        fresh.replace(folder)
        _synchronise(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _lock(folder: Path) -> BaseFileLock:
    return FileLock(folder.with_name(f".{folder.name}.lock"))


def _present(path: Path) -> bool:
    """Tell whether a path exists, if only as a broken link."""
    return os.path.lexists(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_unfinished(folder: Path) -> None:
    """Remove unfinished entries of killed processes in the folder of an entry whose lock this process holds.

    Unfinished versions of other entries are removed only if their lock is free: only the holder of a lock writes an
    entry.
    """
    for path in folder.parent.glob(".*"):
        if (found := _UNFINISHED.fullmatch(path.name)) and path.is_dir() and not path.is_symlink():
            lock = _lock(path.with_name(found[1]))
            own = found[1] == folder.name
            with suppress(Timeout, OSError):
                if not own:
                    lock.acquire(blocking=False)
                log.debug("cache %s: removed, left unfinished by a killed process", path)
                shutil.rmtree(path, ignore_errors=True)
            lock.release()


def _synchronise(path: Path) -> None:
    """Synchronise a file, or the names in a folder, with the disk, on systems that support it."""
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
