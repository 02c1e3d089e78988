"""Shards of features: one safetensors file holds the rows of many images, the SHA-256 of each image, and a checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray as Array

from zsl.files.regular_file import open_regular

SUFFIX = ".safetensors"
FEATURES, DIGESTS = "features", "digests"
FACTS = "zsl"
"""the one key of the metadata: several keys would be written in any order, and equal shards must be equal files"""


class ShardError(ValueError):
    """Error that a file is no intact shard; the message follows the name of the file."""


@dataclass(frozen=True)
class Shard:
    """Content of a shard.

    Attributes:
        features: θ(x), a read-only memory map.
        digests: SHA-256 of the content of every image.
        facts: what the writer noted, for JSON.
        checksum: SHA-256 of the values of both arrays, as it stands in the file.
    """

    features: Float32[Array, "n ..."]
    digests: UInt8[Array, "n 32"]
    facts: Mapping[str, Any]
    checksum: str

    @property
    def is_intact(self) -> bool:
        """Tell whether the arrays have their checksum; reads all of them."""
        return _checksum(self.features, self.digests) == self.checksum


def packed(features: Float32[Array, "n ..."], digests: Sequence[str], facts: Mapping[str, Any]) -> bytes:
    """Return the content of a shard's file; equal arguments give equal bytes.

    Args:
        features: one row an image.
        digests: SHA-256 of the images, hexadecimal.
        facts: for JSON.
    """
    from safetensors.numpy import save

    rows = np.ascontiguousarray(features, dtype="<f4")
    hashes = np.frombuffer(bytes.fromhex("".join(digests)), dtype=np.uint8).reshape(-1, 32)
    text = json.dumps({"facts": facts, "sha256": _checksum(rows, hashes)}, sort_keys=True)
    return bytes(save({FEATURES: rows, DIGESTS: hashes}, {FACTS: text}))


def read(path: Path) -> Shard:
    """Open a shard as memory maps; header and sizes are checked, the values are not (see :attr:`Shard.is_intact`).

    Raises:
        ShardError: the file is no shard, is cut, or its arrays do not belong together.
        OSError: the file does not exist, is no regular file, or cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    with open_regular(path):
        pass
    try:
        with safe_open(path, framework="pt") as file:
            features, digests = (file.get_tensor(name).numpy() for name in (FEATURES, DIGESTS))
            features = np.memmap(path, features.dtype, "r", _place(path), features.shape) if features.size else features
            noted = json.loads((file.metadata() or {})[FACTS])
        facts, checksum = noted["facts"], noted["sha256"]
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError, RuntimeError) as error:
        raise ShardError(f"is no shard of features ({' '.join(str(error).split()) or type(error).__name__})") from error
    if features.dtype != np.float32 or features.ndim < 2 or digests.dtype != np.uint8:
        raise ShardError(f"holds {features.dtype} of shape {features.shape}, not rows of float32")
    if digests.shape != (len(features), 32) or not isinstance(facts, dict) or not isinstance(checksum, str):
        raise ShardError(f"has {len(features)} rows, and digests of shape {digests.shape}")
    features.flags.writeable = digests.flags.writeable = False
    return Shard(features, digests, facts, checksum)


def _place(path: Path) -> int:
    """Return the place of the first feature in a file whose header safetensors has read."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        start: int = json.loads(file.read(length))[FEATURES]["data_offsets"][0]
    return 8 + length + start


def _checksum(features: Float32[Array, "n ..."], digests: UInt8[Array, "n 32"]) -> str:
    digest = hashlib.sha256(f"{features.shape}".encode())
    for array in (features, digests):
        digest.update(array.reshape(-1).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()
