"""Cache of image features by the content of the image: each image is encoded once, in shards of many rows."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from jaxtyping import Float32
from numpy import ndarray as Array
from PIL.Image import Image

from zsl.backbones.backbone import Backbone
from zsl.errors import InputError
from zsl.features import shard
from zsl.features.pipeline import ahead, processors
from zsl.features.shard import SUFFIX, Shard, ShardError
from zsl.files.atomic import remove_unfinished, write_bytes
from zsl.progress.progress import progress

log = logging.getLogger(__name__)

CHUNK = 64
"""images that are encoded, and stored, at a time, and as many more as fill a forward pass"""
FULL = 1024
"""rows of a full shard; smaller shards are merged when further rows are stored"""


@dataclass(frozen=True)
class Picture:
    """Image that is opened only if its features are not stored yet.

    ``digest`` (hexadecimal) identifies the pixels, for example the SHA-256 of the file.
    """

    digest: str
    open: Callable[[], Image]


class FeatureRows:
    """Features θ(x) of one backbone in ``cache``, found by the digest of the picture.

    Rows lie in shards (:mod:`zsl.features.shard`) that are written atomically and never change: an interrupted
    extraction resumes at most one chunk before it stopped, after one image has changed one row is computed, and several
    processes may extract features at the same time. The checksum of a shard is verified before one of its rows is used.
    """

    def __init__(self, cache: Path, backbone: Backbone) -> None:
        self.backbone = backbone
        made_by = hashlib.sha256(f"{backbone.name}\n{backbone.transform}".encode()).hexdigest()
        self.folder = cache / "shards" / made_by[:16]
        self._shards: dict[str, Shard] = {}
        self._intact: set[str] = set()
        self._places: dict[str, tuple[str, int]] = {}

    def __call__(self, pictures: Sequence[Picture], title: str = "features") -> Float32[Array, "n d"]:
        """Return θ(x) of all pictures, in their order; compute missing rows, and show progress.

        Raises:
            InputError: the cache cannot be written, or the backbone lacks a package or its weights.
        """
        self._look()
        rows = {picture.digest: self.stored(picture.digest) for picture in pictures}
        missing = list({p.digest: p for p in pictures if rows[p.digest] is None}.values())
        size = self.backbone.at_once(CHUNK) if missing else CHUNK
        prepared = ahead(lambda it: self.backbone.prepare(it.open()), missing, processors(), size)
        waiting: dict[str, Array] = {}
        for number, picture in enumerate(progress(missing, title, "images"), 1):
            waiting[picture.digest] = next(prepared)
            if len(waiting) == size or number == len(missing):
                fresh = dict(zip(waiting, self.backbone.encode(list(waiting.values())), strict=True))
                self._store(fresh)
                rows |= fresh
                waiting.clear()
        return np.stack([row for p in pictures if (row := rows[p.digest]) is not None])

    def stored(self, digest: str) -> Float32[Array, " d"] | None:
        """Return the row of the picture with this digest, or None if it is missing or damaged."""
        if not self._shards:
            self._look()
        name, row = self._places.get(digest, ("", 0))
        if name and name not in self._intact:
            if not self._shards[name].is_intact:
                self._discard(self.folder / name, "does not match its checksum")
                return self.stored(digest)
            self._intact.add(name)
        return np.array(self._shards[name].features[row]) if name else None

    def _look(self) -> None:
        """Open the shards that were added since the last look."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path.name not in self._shards:
                try:
                    self._shards[path.name] = found = shard.read(path)
                except FileNotFoundError:  # merged into another by another process
                    if path.is_symlink():
                        self._discard(path, "is a link to nothing")
                except (OSError, ShardError) as error:
                    self._discard(path, str(error))
                else:
                    for row, digest in enumerate(map(bytes.hex, map(bytes, found.digests))):
                        self._places.setdefault(digest, (path.name, row))

    def _discard(self, path: Path, why: str) -> None:
        log.warning("cache %s is damaged: %s; its rows are recomputed", path, why)
        self._forget(path.name)
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error

    def _forget(self, name: str) -> None:
        self._shards.pop(name, None)
        self._places = {digest: place for digest, place in self._places.items() if place[0] != name}

    def _store(self, fresh: Mapping[str, Float32[Array, " d"]]) -> None:
        """Write rows, together with those of the shards that are not full, which are then removed."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock"):
                remove_unfinished(self.folder)
                self._look()
                here = {name: it for name, it in self._shards.items() if (self.folder / name).is_file()}
                rows, small = dict(fresh), [name for name, it in here.items() if len(it.features) < FULL]
                for name in small:
                    digests = [bytes(digest).hex() for digest in self._shards[name].digests]
                    kept = ((digest, self.stored(digest)) for digest in digests if digest not in rows)
                    rows |= {digest: row for digest, row in kept if row is not None}
                ordered = sorted(rows)
                written = {self._write(ordered[i : i + FULL], rows) for i in range(0, len(ordered), FULL)}
                for name in set(small) - written:
                    (self.folder / name).unlink(missing_ok=True)
                    self._forget(name)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        self._look()

    def _write(self, digests: Sequence[str], rows: Mapping[str, Float32[Array, " d"]]) -> str:
        content = shard.packed(np.stack([rows[digest] for digest in digests]), digests, {})
        name = f"{hashlib.sha256(content).hexdigest()[:32]}{SUFFIX}"
        write_bytes(self.folder / name, content)
        return name


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"cache {path}: {error.strerror or error}; set ZSL_CACHE to a folder that can be written")
