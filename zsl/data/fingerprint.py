"""SHA-256 fingerprints of arrays: results are comparable if their fingerprints are equal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray as Array

from zsl.data.dataset import Dataset, Splits
from zsl.data.row_blocks import RowBlocks
from zsl.errors import InputError


def sha256(array: Shaped[Array, "..."] | RowBlocks) -> str:
    """Return the SHA-256 of dtype, shape and values (C order, little-endian): equal arrays have equal digests."""
    return sha256_of_blocks(array.dtype, array.shape, array.blocks if isinstance(array, RowBlocks) else (array,))


def sha256_of_blocks(dtype: np.dtype[Any], shape: tuple[int, ...], blocks: Iterable[Shaped[Array, "..."]]) -> str:
    """Return the digest of an array whose rows come in several blocks; only one of them is in memory at a time."""
    little = dtype.newbyteorder("<")
    digest = hashlib.sha256(f"{little.str}{shape}".encode())
    for block in blocks:
        digest.update(np.ascontiguousarray(block, little).reshape(-1).view(np.uint8).data if block.size else b"")
    return digest.hexdigest()


def fingerprints(
    features: Shaped[Array, "n d"] | RowBlocks, labels: Shaped[Array, " n"], splits: Splits, known: str | None = None
) -> dict[str, str]:
    """Return the digests of features (float32), labels (int64) and every split (int64).

    ``known`` is the digest of the features if it is already computed: features are large.
    """
    return {
        "features": known or sha256(features),
        "labels": sha256(labels),
        **{name: sha256(rows) for name, rows in splits.parts().items()},
    }


def verified_fingerprints(dataset: Dataset) -> dict[str, str]:
    """Compute the fingerprints of a data set from its arrays, and compare them with the stored fingerprints.

    The fingerprint of its backbone is added, where that is known.

    Raises:
        InputError: a fingerprint differs from the stored one.
    """
    again = fingerprints(dataset.features, dataset.labels, dataset.splits)
    for part, digest in again.items():
        if dataset.fingerprints[part] != digest:
            raise InputError(
                f"{dataset.name}: {part} does not match its fingerprint; delete the data set's folder in the cache and "
                "prepare it again"
            )
    return again | backbone_fingerprint(dataset)


def backbone_fingerprint(dataset: Dataset) -> dict[str, str]:
    """Return ``backbone`` -> SHA-256 of the backbone's name and transform; nothing where it is not known."""
    return {"backbone": hashlib.sha256(dataset.backbone.encode()).hexdigest()} if dataset.backbone else {}


def short_fingerprint(prints: Mapping[str, str]) -> str:
    """Return an 8-character hash of all fingerprints, for tables."""
    return hashlib.sha256("".join(f"{k}={prints[k]};" for k in sorted(prints)).encode()).hexdigest()[:8]
