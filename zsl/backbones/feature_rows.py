"""Images -> features, one stored row an image: what was computed once is never computed again."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
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
"""images decoded and encoded at a time"""


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
        rows = {picture.digest: self.stored(picture.digest) for picture in pictures}
        missing = list({p.digest: p for p in pictures if rows[p.digest] is None}.values())
        chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
        for chunk in progress(chunks, f"{title}: {len(missing)} images"):
            features = self.backbone([picture.open() for picture in chunk])
            for picture, row in zip(chunk, features, strict=True):
                self._store(picture.digest, row)
                rows[picture.digest] = row
        return np.stack([row for p in pictures if (row := rows[p.digest]) is not None])

    def stored(self, digest: str) -> Float32[Array, " d"] | None:
        """The row of this picture, if it is there and whole."""
        file = self._file(digest)
        try:
            content = file.read_bytes()
        except OSError:
            return None
        if xxhash.xxh3_128_digest(content[16:]) != content[:16] or len(content) == 16:
            log.warning("cache %s is damaged: computed again", file)
            return None
        return np.frombuffer(content[16:], dtype="<f4").astype(np.float32)

    def _store(self, digest: str, row: Float32[Array, " d"]) -> None:
        file, values = self._file(digest), row.astype("<f4").tobytes()
        write(file, xxhash.xxh3_128_digest(values) + values)

    def _file(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest[2:]


def write(file: Path, content: bytes) -> None:
    """Put ``content`` into ``file``, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(prefix=".", dir=file.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(fresh).replace(file)
        finally:
            with suppress(FileNotFoundError):
                Path(fresh).unlink()
    except OSError as error:
        raise InputError(f"cache {file}: {error.strerror}; set ZSL_CACHE to a folder you can write") from error


T = TypeVar("T")


def progress(items: Sequence[T], title: str) -> Iterable[T]:
    """The items, under a progress bar on standard error while it is a terminal and there are any."""
    console = Console(stderr=True)
    return track(items, title, console=console, disable=not (items and console.is_terminal))
