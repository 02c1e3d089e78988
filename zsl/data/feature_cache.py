"""Arrays that are dear to make, made once: checksummed, memory-mapped, written atomically."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from filelock import FileLock
from numpy import ndarray as Array

from zsl.data.source_files import known, unchanged
from zsl.errors import InputError

log = logging.getLogger(__name__)
_verifying = ContextVar("verifying", default=False)
_by_content = ContextVar("by_content", default=False)

SCHEMA = 2


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
    another content (see :mod:`zsl.data.source_files`; within :func:`by_content` all of every file is read). Every array
    carries an XXH3-128 checksum that is verified at each opening (memory bandwidth, not a parse), so a flipped bit is
    noticed. An entry appears under its name by one rename or not at all; several processes may ask for the same entry
    at once.

    Raises:
        InputError: ``root`` cannot be written, the disk is full, or one of ``files`` changes while it is read.
    """
    folder = root.expanduser() / key
    lock = FileLock(folder.parent / f".{folder.name}.lock")
    with _writable(root):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        entry = _open(folder, source, files)
        if entry is None and _verifying.get():
            raise InputError(f"cache {folder}: not there, not whole, or made from other files; `zsl data prepare` it")
        if entry is None:
            if folder.exists():
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
    if not folder.exists():
        return None
    try:
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
            array = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            if _checksum(array) != checksum:
                raise ValueError(f"{name}.npy does not match its checksum")
            arrays[name] = array
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
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
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        checksums = {}
        for name, array in entry.arrays.items():
            np.save(fresh / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
            checksums[name] = _checksum(np.load(fresh / f"{name}.npy", mmap_mode="r"))
        record = {"schema": SCHEMA, "source": source, "files": files, "meta": entry.meta, "checksums": checksums}
        _save_record(fresh, record)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
