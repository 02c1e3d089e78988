"""Is a file still the one that a cache entry was made from?

A file is known by an XXH3-128 hash of its content. Because hashing takes time, an entry also keeps a clue: size, inode,
times of modification and of status change, and a hash of a few blocks. Where the clue is the same the content is taken
to be the same, unless somebody asks for more; where it differs (the file was copied, touched, or replaced) the content
decides.
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
"""bytes in a block, and how many blocks are in the clue"""
SETTLED = 2 * 10**9
"""nanoseconds after which a change of a file has another time than the last one, on any file system"""


@dataclass(frozen=True)
class Clue:
    """What changes, in all likelihood, when the content of a file does."""

    size: int
    inode: int
    mtime_ns: int
    ctime_ns: int
    sample: str
    """hash of the first and the last block, and of others at even distances between"""

    @classmethod
    def of(cls, path: Path) -> Clue:
        """The clue of a file as it is now."""
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
        """Whether another change would have another time: a clue that is not says nothing."""
        return time.time_ns() - max(self.mtime_ns, self.ctime_ns) > SETTLED


@dataclass(frozen=True)
class Content:
    """A file as an entry knows it."""

    content: str
    clue: Mapping[str, Any] | None

    @classmethod
    def of(cls, path: Path) -> Content:
        """The file as it is now: all of it is read."""
        clue = Clue.of(path)
        with path.open("rb") as file:
            return cls(_hash(file), asdict(clue) if clue.is_settled else None)


def known(paths: Sequence[Path]) -> dict[str, Any]:
    """Path -> content and clue of every file, for JSON.

    Raises:
        InputError: a file cannot be read.
    """
    return {str(path.resolve()): asdict(_read(path, Content.of)) for path in paths}


def unchanged(paths: Sequence[Path], before: Mapping[str, Any], thoroughly: bool) -> dict[str, Any] | None:
    """``before``, with new clues where the clues are new, if all files have the content that they had; None if not.

    With ``thoroughly`` all of every file is read, whatever the clues say.

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
