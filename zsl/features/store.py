"""Feature store: a folder of shards with one manifest, opened as one matrix of memory-mapped rows.

The folder holds ``00000.safetensors``, ``00001.safetensors``, … (:mod:`zsl.features.shard`) and ``manifest.json``,
which is written last: names and classes of all rows, number of rows and SHA-256 of every shard, and the backbone. A
store without a manifest is unfinished. The files contain neither times nor paths, so equal images give equal files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array

from zsl.data.fingerprint import sha256_of_blocks
from zsl.data.row_blocks import RowBlocks
from zsl.errors import InputError
from zsl.features import shard
from zsl.features.shard import SUFFIX, Shard, ShardError
from zsl.files.atomic import write_text
from zsl.files.checks import anything, mapping, matching, one_of, optional, record, sequence, string, whole
from zsl.files.regular_file import open_regular, read_json
from zsl.files.self_checksum import SELF, digest_of, is_altered

MANIFEST = "manifest.json"
FORMAT, VERSION = "zsl features", 1
NO_CLASS = -1
"""label of an image of unknown class"""
AGAIN = "run the same zsl extract again"
_SHA256 = matching("[0-9a-f]{64}", "a SHA-256")
_CHECK = record(
    {
        "format": one_of(FORMAT),
        "version": whole,
        "dtype": one_of("float32"),
        "shape": sequence(whole),
        "sha256": _SHA256,
        "backbone": mapping(anything, ("name", "transform")),
        "left_out": mapping(string),
        "shards": sequence(
            record({"file": matching(rf"\d{{5,}}\{SUFFIX}", "the name of a shard"), "rows": whole, "sha256": _SHA256})
        ),
        "classes": sequence(string),
        "labels": sequence(optional(whole)),
        "names": sequence(string),
        SELF: _SHA256,
    },
    absent=(SELF,),
)


@dataclass(frozen=True)
class FeatureStore:
    """Features of many images, with what is known of the images.

    Attributes:
        features: θ(x), one row an image, mapped from the shards.
        names: of the images, in the order of the rows.
        labels: positions in ``classes``, or -1.
        classes: names of classes, sorted.
        digests: SHA-256 of the content of every image, hexadecimal.
        backbone: name, transform, and whatever else identifies the encoder and its pretraining.
        left_out: name -> reason, of images that could not be decoded.
        sha256: fingerprint of the features (:func:`zsl.data.fingerprint.sha256`).
    """

    features: RowBlocks
    names: Sequence[str]
    labels: Int64[Array, " n"]
    classes: tuple[str, ...]
    digests: Sequence[str]
    backbone: Mapping[str, Any]
    left_out: Mapping[str, str]
    sha256: str


def shard_file(number: int) -> str:
    """Return the name of the file of a shard."""
    return f"{number:05d}{SUFFIX}"


def finish(
    folder: Path,
    count: int,
    names: Sequence[str],
    labels: Sequence[str | None],
    backbone: Mapping[str, Any],
    left_out: Mapping[str, str],
) -> FeatureStore:
    """Write the manifest of a folder whose shards 0 … ``count`` - 1 are complete, and open the store.

    Args:
        folder: of the shards.
        count: number of shards.
        names: of all rows, in their order.
        labels: class of every row, None for an unknown one.
        backbone: name, transform and further facts, for JSON.
        left_out: name -> reason, of images that have no row.

    Raises:
        InputError: a shard is damaged, the number of rows is not that of the names, or the folder cannot be written.
    """
    classes = sorted({label for label in labels if label is not None})
    place = {label: number for number, label in enumerate(classes)}
    files = [folder / shard_file(number) for number in range(count)]
    entries: list[dict[str, Any]] = []

    def blocks() -> Iterator[Array]:  # pages of a mapped shard count as memory until it is closed: one at a time
        for path in files:
            x = _shard(path).features
            entries.append({"file": path.name, "rows": len(x), "sha256": _digest(path)})
            yield x

    shape = (len(names), *_shard(files[0]).features.shape[1:])
    digest = sha256_of_blocks(np.dtype(np.float32), shape, blocks())
    if (rows := sum(each["rows"] for each in entries)) != len(names):
        raise InputError(f"{folder}: {rows} rows in its shards for {len(names)} images; extract into a new folder")
    content = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": "float32",
        "shape": shape,
        "sha256": digest,
        "backbone": dict(backbone),
        "left_out": dict(left_out),
        "shards": entries,
        "classes": classes,
        "labels": [None if label is None else place[label] for label in labels],
        "names": list(names),
    }
    content[SELF] = digest_of(content)
    lines = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in content.items())
    write_text(folder / MANIFEST, "{\n" + ",\n".join(lines) + "\n}\n")
    return open_store(folder)


def open_store(folder: Path) -> FeatureStore:
    """Open a finished store; every shard is compared with its checksum.

    Raises:
        InputError: there is no manifest, it is not valid, or a shard is missing or is not the one that it names.
    """
    content = _manifest(folder)
    shards = []
    for each in content["shards"]:
        path = folder / each["file"]
        try:
            if _digest(path) != each["sha256"]:
                raise ShardError("does not match its checksum")
        except (OSError, ShardError) as error:
            raise _damaged(path, error) from error
        shards.append(_shard(path))
        if len(shards[-1].features) != each["rows"]:
            raise _damaged(path, ShardError("has another number of rows than the manifest says"))
    if not shards or len({each.features.shape[1:] for each in shards}) > 1:
        raise InputError(f"{folder / MANIFEST}: names no shards of one width; {AGAIN}")
    features = RowBlocks([each.features for each in shards])
    labels = np.array([NO_CLASS if label is None else label for label in content["labels"]], dtype=np.int64)
    lengths = {len(features), len(content["names"]), len(labels)}
    if features.shape != tuple(content["shape"]) or len(lengths) != 1 or labels.max() >= len(content["classes"]):
        raise InputError(f"{folder / MANIFEST}: is of other shards than lie beside it; {AGAIN}")
    return FeatureStore(
        features,
        content["names"],
        labels,
        tuple(content["classes"]),
        [row.tobytes().hex() for each in shards for row in each.digests],
        content["backbone"],
        content["left_out"],
        content["sha256"],
    )


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        content = read_json(path)
    except FileNotFoundError as error:
        raise InputError(f"{folder}: no {MANIFEST}: nothing was extracted here, or not to the end; {AGAIN}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); delete it, and {AGAIN}") from error
    for key, why in _CHECK("", content):
        raise InputError(f"{path}: {key}: {why}; delete it, and {AGAIN}")
    if is_altered(content):
        raise InputError(f"{path}: was altered; delete it, and {AGAIN}")
    if len(set(content["names"])) < len(content["names"]):
        raise InputError(f"{path}: names an image twice; delete it, and {AGAIN}")
    if content["version"] != VERSION:
        raise InputError(f"{path}: version {content['version']}, this zsl reads {VERSION}; extract again")
    found: dict[str, Any] = content
    return found


def _shard(path: Path) -> Shard:
    try:
        return shard.read(path)
    except (OSError, ShardError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: {getattr(error, 'strerror', None) or error}; delete it, and {AGAIN}")


def _digest(path: Path) -> str:
    with open_regular(path):
        pass
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
