"""Checksums inside checkpoints, against damage and against use by another run or on other data."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import xxhash

NO_COMMENT = b"\0\0"
"""length of the comment of a zip archive that has none, its last two bytes"""
NOWHERE = b"\0" * xxhash.xxh3_128().digest_size
"""the origin of a checkpoint that belongs to no configuration"""


def origin(identity: str, fingerprints: Mapping[str, str]) -> bytes:
    """Return the XXH3-128 checksum of the configuration and the data of a checkpoint.

    Args:
        identity: identity of the configuration.
        fingerprints: fingerprints of the data and of the class embeddings.
    """
    return xxhash.xxh3_128_digest(json.dumps([identity, dict(fingerprints)], sort_keys=True).encode())


def sealed(archive: bytes, origin: bytes = NOWHERE) -> bytes:
    """Return a zip archive with its XXH3-128 checksum and its origin as the comment, which readers of zip ignore.

    Args:
        archive: without a comment, as ``torch.save`` writes it.
        origin: identity of the run, by :func:`origin`.
    """
    seal = xxhash.xxh3_128_digest(archive + origin) + origin
    return archive[: -len(NO_COMMENT)] + struct.pack("<H", len(seal)) + seal


def require_seal(archive: bytes, origin: bytes = NOWHERE) -> None:
    """Refuse an archive that is not, byte for byte, what `sealed` returned for this origin.

    Raises:
        ValueError: the archive is truncated, was altered after it was written, or has another origin.
    """
    size = 2 * len(NOWHERE)
    seal, length = archive[-size:], archive[-size - len(NO_COMMENT) : -size]
    content, of = archive[: -size - len(NO_COMMENT)] + NO_COMMENT, seal[len(NOWHERE) :]
    if length != struct.pack("<H", size) or xxhash.xxh3_128_digest(content + of) + of != seal:
        raise ValueError("its checksum is wrong")
    if of != origin:
        raise ValueError("it is of another configuration, or of other data than are there now")
