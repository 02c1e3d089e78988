"""Extraction of the features of many images into a store of shards, resumable at each shard.

A shard holds the features of a fixed part of the images in their order. Its content follows from these images and the
backbone alone, so a store that was interrupted and resumed is the same as one that was not, byte by byte. Whether a
shard is finished is decided by its content: a shard counts if it is intact and was made from images with the same names
and contents.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray as Array
from PIL import Image

from zsl.backbones.backbone import Backbone, identity
from zsl.errors import InputError
from zsl.features import shard
from zsl.features.decoding import decoded
from zsl.features.pipeline import ahead, processors
from zsl.features.shard import Shard, ShardError
from zsl.features.sources.opening import open_source
from zsl.features.sources.source import Source
from zsl.features.store import MANIFEST, FeatureStore, finish, shard_file
from zsl.files.atomic import write_bytes, write_text
from zsl.files.regular_file import read_json

log = logging.getLogger(__name__)

PLAN = "plan.json"
"""file that says what a store is made of, before it is finished"""
CHUNK = 64
"""images that are encoded at a time, and as many more as fill a forward pass"""


@dataclass(frozen=True)
class Prepared:
    """An image that was read: its SHA-256, and the input of the network, or the reason why there is none."""

    digest: str
    pixels: Shaped[Array, "..."] | None
    reason: str = ""


@dataclass(frozen=True)
class Extraction:
    """What is extracted, and where to.

    Attributes:
        images: folder, tar or Parquet files, or data set of Hugging Face.
        folder: of the store.
        backbone: encodes the images.
        rows: images of a shard.
        skip: whether images that cannot be decoded are left out; otherwise the shards they are in are not written.
    """

    images: str
    folder: Path
    backbone: Backbone
    rows: int
    skip: bool
    workers: int = field(default_factory=processors)

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone; another process opens the images for itself."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def source(self) -> Source:
        """Return the images."""
        return open_source(self.images)

    @property
    def shards(self) -> range:
        """Return the numbers of the shards."""
        return range(-(-len(self.source.names) // self.rows))

    def part(self, number: int) -> range:
        """Return the numbers of the images of a shard."""
        return range(number * self.rows, min((number + 1) * self.rows, len(self.source.names)))

    @cached_property
    def plan(self) -> dict[str, Any]:
        """Return what the content of every shard follows from, beside the contents of the images."""
        names = json.dumps([list(self.source.names), list(self.source.labels)], ensure_ascii=False)
        return {
            "backbone": f"{self.backbone.name}; {self.backbone.transform}",
            "names": hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest(),
            "images": len(self.source.names),
            "rows": self.rows,
        }

    def begin(self) -> None:
        """Write the plan, or compare it with that of a store that is to be resumed.

        Raises:
            InputError: the folder holds the features of other images, or of another backbone.
        """
        path = self.folder / PLAN
        if not path.exists():
            if self.folder.is_dir() and any(each.name[0] != "." for each in self.folder.iterdir()):
                raise InputError(f"{self.folder}: holds other files; give a new folder")
            write_text(path, json.dumps(self.plan, indent=1, ensure_ascii=False) + "\n")
            return
        try:
            there = read_json(path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error}); give a new folder") from error
        for key, value in self.plan.items():
            if not isinstance(there, dict) or there.get(key) != value:
                what = {"backbone": "of another backbone", "rows": "in shards of another size"}.get(
                    key, "of other images"
                )
                raise InputError(f"{self.folder}: holds features {what}; give a new folder")

    def missing(self) -> Iterator[int]:
        """Yield the numbers of the shards that are missing, damaged, or made of images with other content."""
        for number in self.shards:
            found = self._read(number)
            if found is None or (found.facts.get("left_out") and not self.skip):
                yield number
            elif found.facts.get("contents") != _together(list(ahead(self._digest, self.part(number), self.workers))):
                log.warning("%s: made of images with other content: extracted again", self.folder / shard_file(number))
                yield number

    def extract(self, numbers: Sequence[int]) -> Iterator[tuple[int, dict[str, str]]]:
        """Extract shards; yield the number of images of every chunk that is done, and name -> reason of broken ones.

        A shard with broken images is not written unless they are skipped.

        Raises:
            InputError: the backbone cannot be used, or a shard cannot be written.
        """
        rows = (row for number in numbers for row in self.part(number))
        size = self.backbone.at_once(CHUNK)
        images = ahead(self._prepared, rows, self.workers, size + CHUNK)
        for number in numbers:
            features: list[Shaped[Array, "..."]] = []
            digests: list[str] = []
            kept: list[str] = []
            broken: dict[str, str] = {}
            for start in range(0, len(self.part(number)), size):
                part = self.part(number)[start : start + size]
                some = {self.source.names[row]: next(images) for row in part}
                good = [it for it in some.values() if it.pixels is not None]
                fresh = {name: it.reason for name, it in some.items() if it.pixels is None}
                digests += [it.digest for it in some.values()]
                kept += [it.digest for it in good]
                broken |= fresh
                if good:
                    features.append(self.backbone.encode([it.pixels for it in good if it.pixels is not None]))
                yield len(part), fresh
            if not broken or self.skip:
                self._write(number, features, kept, {"left_out": broken, "contents": _together(digests)})

    def finish(self) -> FeatureStore:
        """Write the manifest of a store whose shards are complete, and open the store.

        Raises:
            InputError: a shard is missing or damaged.
        """
        if (self.folder / MANIFEST).is_file():
            (self.folder / MANIFEST).unlink()
        left_out: dict[str, str] = {}
        for number in self.shards:
            if (found := self._read(number)) is None:
                raise InputError(f"{self.folder / shard_file(number)}: missing or damaged; run the same command again")
            left_out |= found.facts["left_out"]
        kept = [row for row, name in enumerate(self.source.names) if name not in left_out]
        if not kept:
            raise InputError(f"{self.images}: none of {len(left_out)} images can be decoded; replace them")
        names, labels = [self.source.names[row] for row in kept], [self.source.labels[row] for row in kept]
        return finish(self.folder, len(self.shards), names, labels, identity(self.backbone), left_out)

    def _prepared(self, row: int) -> Prepared:
        try:
            content = self.source.read(row)
        except OSError as error:
            return Prepared(_sha256(b""), None, f"cannot be read ({error.strerror or error})")
        try:
            return Prepared(_sha256(content), self.backbone.prepare(decoded(content)))
        except InputError:
            raise
        except ValueError as error:
            return Prepared(_sha256(content), None, str(error))

    def _digest(self, row: int) -> str:
        try:
            return _sha256(self.source.read(row))
        except OSError:
            return _sha256(b"")

    def _read(self, number: int) -> Shard | None:
        path = self.folder / shard_file(number)
        try:
            found = shard.read(path)
        except FileNotFoundError:
            return None
        except (OSError, ShardError) as error:
            log.warning("%s: %s; extracted again", path, error)
            return None
        if found.is_intact and found.facts.get("plan") == self._key(number):
            return found
        log.warning("%s: does not match its checksum, or its plan; extracted again", path)
        return None

    def _write(
        self, number: int, features: Sequence[Shaped[Array, "..."]], digests: Sequence[str], facts: Mapping[str, Any]
    ) -> None:
        if not features:  # the width of a shard without images is that of any image
            features = [self.backbone([Image.new("RGB", (8, 8))])[:0]]
        content = shard.packed(np.concatenate(features), digests, {**facts, "plan": self._key(number)})
        write_bytes(self.folder / shard_file(number), content)

    def _key(self, number: int) -> str:
        return _sha256(json.dumps([self.plan, number], sort_keys=True).encode())


def _together(digests: Sequence[str]) -> str:
    return _sha256("\n".join(digests).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
