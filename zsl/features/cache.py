"""Arrays that are dear to make, made once: checksummed, memory-mapped, written atomically."""

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

log = logging.getLogger(__name__)
_verifying = ContextVar("verifying", default=False)
_by_content = ContextVar("by_content", default=False)

SCHEMA = 2
_UNFINISHED = re.compile(r"\.(.+)\.(?:[0-9a-f]{32}|[a-z0-9_]{8})")
"""names of folders of entries that are being made, today and in earlier versions"""


@dataclass(frozen=True)
class Entry:
    """What a cache entry holds: named arrays and anything that JSON can say."""

    arrays: Mapping[str, Array]
    meta: Mapping[str, Any]


def cached(
    root: Path, key: str, source: Mapping[str, Any], build: Callable[[], Entry], files: Sequence[Path] = ()
) -> Entry:
    """The entry ``key`` below ``root``: opened if it is whole and made from ``source`` and ``files``, else built.

    ``source`` is any JSON value; an entry made from another one is stale, and so is one made from ``files`` with
    another content (see :mod:`zsl.files.content`; within :func:`by_content` all of every file is read). Every array
    carries an XXH3-128 checksum that is verified at each opening (memory bandwidth, not a parse), so a flipped bit is
    noticed. An entry appears under its name by one rename or not at all, survives a power cut from then on, and may be
    read by whom the umask lets; several processes may ask for the same entry at once. Whatever else lies under its name
    is replaced, and what a killed process left of it is removed.

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
            raise InputError(f"cache {folder}: not there, not whole, or made from other files; `zsl data prepare` it")
        if entry is None:
            if _present(folder):
                log.warning("cache %s: built again", folder)
            before = known(files)
            made = build()
            if unchanged(files, before, thoroughly=True) is None:
                raise InputError(f"{files[0]}: it, or a file beside it, changed while it was read; run again")
            with _writable(root):
                _write(folder, source, made, before)
            entry = _open(folder, source, files)
    finally:
        lock.release()
    if entry is None:
        raise InputError(f"cache {folder}: what was just written does not verify; check the disk")
    return entry


def key_part(name: str) -> str:
    """A part of a key that says what an entry is of, fit for a file's name: of word characters, and not long."""
    safe = re.sub(r"[^\w.+-]+", "_", name)
    return safe.encode()[:80].decode(errors="ignore")


@contextmanager
def verifying() -> Iterator[None]:
    """Within it nothing is built: an entry that is absent, stale or damaged is an InputError. Files are read whole."""
    token = _verifying.set(True)
    try:
        with by_content():
            yield
    finally:
        _verifying.reset(token)


@contextmanager
def by_content() -> Iterator[None]:
    """Within it an entry is opened only if its files have their content still: they are read whole, whatever their
    times say. A fingerprint that is to be published rests on this.
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
            raise ValueError("it has no entry.json")
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
            with suppress(OSError):  # a cache that others keep: what is known of the files stays as it was
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
    """Put ``entry.json`` into the folder by one rename, with its own checksum."""
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
    """Whether anything lies under this name, be it a link to nowhere."""
    return os.path.lexists(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_unfinished(folder: Path) -> None:
    """Remove what processes that were killed left, of this entry, whose lock is held, and of those beside it that
    nobody is making: who holds the lock of an entry is alone.
    """
    for path in folder.parent.glob(".*"):
        if (found := _UNFINISHED.fullmatch(path.name)) and path.is_dir() and not path.is_symlink():
            lock = _lock(path.with_name(found[1]))
            own = found[1] == folder.name
            with suppress(Timeout, OSError):
                if not own:
                    lock.acquire(blocking=False)
                log.debug("cache %s: removed, a process that was killed left it", path)
                shutil.rmtree(path, ignore_errors=True)
            lock.release()


def _synchronise(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk, where the system lets this be asked for."""
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
