"""Change detection for the source files of cache entries.

A file is identified by an XXH3-128 hash of its content. Because hashing takes time, a cache entry also stores a clue:
size, inode, times of modification and of status change, and a hash of a few blocks. If the clue is equal, the content
is assumed to be equal, unless a thorough check is requested. If the clue differs (the file was copied, touched, or
replaced), the content is hashed and compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import xxhash

from zsl.errors import InputError

T = TypeVar("T")
BLOCK, BLOCKS = 4096, 16
"""bytes per block, and number of blocks in the clue"""
SETTLED = 2 * 10**9
"""nanoseconds after a change of a file from which a further change has a different time, on any file system"""


@dataclass(frozen=True)
class Clue:
    """Properties of a file that almost certainly change when its content changes."""

    size: int
    inode: int
    mtime_ns: int
    ctime_ns: int
    sample: str
    """hash of the first block, the last block, and evenly spaced blocks between them"""

    @classmethod
    def of(cls, path: Path) -> Clue:
        """Read the current clue of a file."""
        with path.open("rb") as file:
            stat = path.stat()
            digest = xxhash.xxh3_128()
            last = max(stat.st_size - BLOCK, 0)
            for start in sorted({last * block // (BLOCKS - 1) for block in range(BLOCKS)}):
                file.seek(start)
                digest.update(file.read(BLOCK))
        return cls(stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, digest.hexdigest())

    @property
    def is_settled(self) -> bool:
        """Tell whether a further change would have a different time; otherwise the clue cannot detect it."""
        return time.time_ns() - max(self.mtime_ns, self.ctime_ns) > SETTLED


@dataclass(frozen=True)
class Content:
    """Hash and clue of a file, as stored in a cache entry; ``clue`` is None if it was not settled."""

    content: str
    clue: Mapping[str, Any] | None

    @classmethod
    def of(cls, path: Path) -> Content:
        """Read the whole file, and return its current hash and clue."""
        clue = Clue.of(path)
        with path.open("rb") as file:
            return cls(_hash(file), asdict(clue) if clue.is_settled else None)


def known(paths: Sequence[Path]) -> dict[str, Any]:
    """Return path -> content hash and clue of every file, for JSON.

    Raises:
        InputError: a file cannot be read.
    """
    return {str(path.resolve()): asdict(_read(path, Content.of)) for path in paths}


def unchanged(paths: Sequence[Path], before: Mapping[str, Any], thoroughly: bool) -> dict[str, Any] | None:
    """Return ``before`` with updated clues if the content of all files is unchanged, and None otherwise.

    With ``thoroughly`` every file is read completely, whatever its clue.

    Raises:
        InputError: a file cannot be read.
    """
    if before.keys() != {str(path.resolve()) for path in paths}:
        return None
    now = {}
    for path in paths:
        was = before[str(path.resolve())]
        is_same = not thoroughly and was["clue"] is not None and asdict(_read(path, Clue.of)) == was["clue"]
        now[str(path.resolve())] = found = was if is_same else asdict(_read(path, Content.of))
        if found["content"] != was["content"]:
            return None
    return now


def _read(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; make it a file that can be read") from error


def _hash(file: BinaryIO) -> str:
    digest = xxhash.xxh3_128()
    while chunk := file.read(1 << 22):
        digest.update(chunk)
    return digest.hexdigest()
