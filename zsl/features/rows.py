"""Images -> features, one stored row an image: what was computed once is never computed again."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import xxhash
from jaxtyping import Float32
from numpy import ndarray as Array
from PIL.Image import Image
from rich.console import Console
from rich.progress import track

from zsl.backbones.backbone import Backbone
from zsl.errors import InputError

log = logging.getLogger(__name__)

CHUNK = 64
"""images decoded and encoded at a time, or fewer if they are large"""
PIXELS = 200_000_000
"""of images that are decoded and wait for others; beyond it none is waited for"""
ABANDONED = 600.0
"""seconds after which a file that is still being written is nobody's"""


@dataclass(frozen=True)
class Picture:
    """An image that is opened only if its features are not stored yet.

    ``digest`` (hexadecimal) stands for all that determines its pixels, such as the SHA-256 of its file.
    """

    digest: str
    open: Callable[[], Image]


class FeatureRows:
    """The rows θ(x) below ``cache`` that one backbone made, each in a file named by the picture's digest.

    A row appears whole, by one rename, or not at all, and carries its checksum: an interrupted extraction continues
    where it stopped, after one image has changed one row is computed, and several processes may work side by side.
    """

    def __init__(self, cache: Path, backbone: Backbone) -> None:
        self.backbone = backbone
        made_by = hashlib.sha256(f"{backbone.name}\n{backbone.transform}".encode()).hexdigest()
        self.folder = cache / "features" / made_by[:16]

    def __call__(self, pictures: Sequence[Picture], title: str = "features") -> Float32[Array, "n d"]:
        """θ(x) of every picture, in their order; a progress bar shows the missing ones, on a terminal.

        Raises:
            InputError: the cache cannot be written, or the backbone lacks something (it says what).
        """
        self._remove_unfinished()
        rows = {picture.digest: self.stored(picture.digest) for picture in pictures}
        missing = list({p.digest: p for p in pictures if rows[p.digest] is None}.values())
        waiting: list[tuple[str, Image]] = []
        for number, picture in enumerate(progress(missing, f"{title}: {len(missing)} images"), 1):
            waiting.append((picture.digest, picture.open()))
            pixels = sum(image.width * image.height for _, image in waiting)
            if len(waiting) == CHUNK or pixels > PIXELS or number == len(missing):
                features = self.backbone([image for _, image in waiting])
                for (digest, _), row in zip(waiting, features, strict=True):
                    self._store(digest, row)
                    rows[digest] = row
                waiting.clear()
        return np.stack([row for p in pictures if (row := rows[p.digest]) is not None])

    def stored(self, digest: str) -> Float32[Array, " d"] | None:
        """The row of this picture, if it is there and whole."""
        file = self._file(digest)
        try:
            content = file.read_bytes() if file.is_file() else None
        except OSError:
            return None
        if content is None:
            return None
        if xxhash.xxh3_128_digest(content[16:]) != content[:16] or len(content) == 16:
            log.warning("cache %s is damaged: computed again", file)
            return None
        return np.frombuffer(content[16:], dtype="<f4").astype(np.float32)

    def _store(self, digest: str, row: Float32[Array, " d"]) -> None:
        file, values = self._file(digest), row.astype("<f4").tobytes()
        write(file, xxhash.xxh3_128_digest(values) + values)

    def _remove_unfinished(self) -> None:
        """Remove what killed processes left; a row is written in less than a second."""
        for path in self.folder.glob("*/.*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    path.unlink()

    def _file(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest[2:]


def write(file: Path, content: bytes) -> None:
    """Put ``content`` into ``file``, whole or not at all; whatever else lay there is replaced.

    Raises:
        InputError: the file cannot be written.
    """
    fresh = file.with_name(f".{file.name[:40]}.{uuid.uuid4().hex}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with fresh.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            fresh.replace(file)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cache {file}: {error.strerror}; set ZSL_CACHE to a folder you can write") from error


T = TypeVar("T")


def progress(items: Sequence[T], title: str) -> Iterable[T]:
    """The items, under a progress bar on standard error while it is a terminal and there are any."""
    console = Console(stderr=True)
    return track(items, title, console=console, disable=not (items and console.is_terminal))
