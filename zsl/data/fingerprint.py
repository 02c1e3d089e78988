"""SHA-256 of arrays: what makes two numbers comparable."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray as Array

from zsl.data.dataset import Dataset, Splits
from zsl.errors import InputError


def sha256(array: Shaped[Array, "..."]) -> str:
    """SHA-256 over dtype, shape and the values in C order, little-endian: equal arrays, equal digests."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.dtype.str}{little.shape}".encode())
    digest.update(little.reshape(-1).view(np.uint8).data if little.size else b"")
    return digest.hexdigest()


def fingerprints(
    features: Shaped[Array, "n d"], labels: Shaped[Array, " n"], splits: Splits, known: str | None = None
) -> dict[str, str]:
    """The digests of features (float32), labels (int64) and every split (int64).

    ``known`` is the digest of the features where it was computed before, because they are large.
    """
    return {
        "features": known or sha256(features),
        "labels": sha256(labels),
        **{name: sha256(rows) for name, rows in splits.parts().items()},
    }


def verified_fingerprints(dataset: Dataset) -> dict[str, str]:
    """The fingerprints of a data set, each computed anew from its arrays.

    Raises:
        InputError: one differs from what the data set says.
    """
    again = fingerprints(np.asarray(dataset.features), dataset.labels, dataset.splits)
    for part, digest in again.items():
        if dataset.fingerprints[part] != digest:
            raise InputError(
                f"{dataset.name}: {part} does not match its fingerprint; delete its folder in the cache, prepare it "
                "again"
            )
    return again


def short_fingerprint(prints: Mapping[str, str]) -> str:
    """Eight characters that stand for all of them, for tables."""
    return hashlib.sha256("".join(f"{k}={prints[k]};" for k in sorted(prints)).encode()).hexdigest()[:8]
