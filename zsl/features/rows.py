"""Image features, stored as one row per image and computed once."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from jaxtyping import Float32
from numpy import ndarray as Array
from PIL.Image import Image

from zsl.backbones.backbone import Backbone
from zsl.errors import InputError
from zsl.progress.progress import progress

log = logging.getLogger(__name__)

CHUNK = 64
"""images decoded and encoded at a time; fewer if they are large"""
PIXELS = 200_000_000
"""pixels of decoded images in memory from which they are encoded without waiting for a full chunk"""
ABANDONED = 600.0
"""seconds after which an unfinished file is taken to be abandoned"""


@dataclass(frozen=True)
class Picture:
    """Image that is opened only if its features are not stored yet.

    ``digest`` (hexadecimal) identifies the pixels, for example the SHA-256 of the file.
    """

    digest: str
    open: Callable[[], Image]


class FeatureRows:
    """Features θ(x) of one backbone in ``cache``, one row per file, named by the picture's digest.

    A row is written atomically, with its checksum: an interrupted extraction resumes where it stopped, after one image
    has changed one row is computed, and several processes may extract features at the same time.
    """

    def __init__(self, cache: Path, backbone: Backbone) -> None:
        self.backbone = backbone
        made_by = hashlib.sha256(f"{backbone.name}\n{backbone.transform}".encode()).hexdigest()
        self.folder = cache / "features" / made_by[:16]

    def __call__(self, pictures: Sequence[Picture], title: str = "features") -> Float32[Array, "n d"]:
        """Return θ(x) of all pictures, in their order; compute missing rows, and show progress.

        Raises:
            InputError: the cache cannot be written, or the backbone lacks a package or its weights.
        """
        self._remove_unfinished()
        rows = {picture.digest: self.stored(picture.digest) for picture in pictures}
        missing = list({p.digest: p for p in pictures if rows[p.digest] is None}.values())
        waiting: list[tuple[str, Image]] = []
        for number, picture in enumerate(progress(missing, title, "images"), 1):
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
        """Read the row of the picture with this digest, or return None if it is missing or damaged."""
        file = self._file(digest)
        try:
            content = file.read_bytes() if file.is_file() else None
        except OSError:
            return None
        if content is None:
            return None
        if xxhash.xxh3_128_digest(content[16:]) != content[:16] or len(content) == 16:
            log.warning("cache %s is damaged: recomputed", file)
            return None
        return np.frombuffer(content[16:], dtype="<f4").astype(np.float32)

    def _store(self, digest: str, row: Float32[Array, " d"]) -> None:
        file, values = self._file(digest), row.astype("<f4").tobytes()
        write(file, xxhash.xxh3_128_digest(values) + values)

    def _remove_unfinished(self) -> None:
        """Remove unfinished files of killed processes; a row is written in less than a second."""
        for path in self.folder.glob("*/.*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    path.unlink()

    def _file(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest[2:]


def write(file: Path, content: bytes) -> None:
    """Write ``content`` to ``file`` atomically; anything else at that path is replaced.

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
        raise InputError(f"cache {file}: {error.strerror}; set ZSL_CACHE to a folder that can be written") from error
