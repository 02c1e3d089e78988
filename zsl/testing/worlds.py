"""Small random worlds for tests of laws; nothing here says how accurate a method should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.class_embeddings.attributes import Attributes
from zsl.data.dataset import Card, ClassDescriptions, Dataset, Splits
from zsl.data.fingerprint import fingerprints
from zsl.data.protocol import EmbeddedDataset


def dataset(
    seed: int = 0, d: int = 6, k: int = 4, train: int = 4, val: int = 2, unseen: int = 2, per_class: int = 10
) -> Dataset:
    """Draw Gaussian classes around linear images of random descriptions; a fifth of each seen class is for testing."""
    generator = np.random.default_rng(seed)
    classes = train + val + unseen
    att = generator.random((classes, k)) + 0.05
    labels = np.repeat(np.arange(classes), per_class)
    x = att[labels] @ generator.standard_normal((k, d)) + 0.3 * generator.standard_normal((len(labels), d))
    order = generator.permutation(len(labels))
    labels, x = labels[order], x[order].astype(np.float32)
    rank = np.zeros(len(labels), dtype=int)
    for label in range(classes):
        rank[labels == label] = np.arange(per_class)
    seen, tested = labels < train + val, rank < max(1, per_class // 5)
    rows = {
        "trainval": seen & ~tested,
        "test_seen": seen & tested,
        "test_unseen": ~seen,
        "train": (labels < train) & ~tested,
        "val": seen & (labels >= train) & ~tested,
    }
    splits = Splits(**{name: np.flatnonzero(mask) for name, mask in rows.items()})
    names = tuple(f"class {i}" for i in range(classes))
    described = ClassDescriptions(names, {"att": att})
    return Dataset("world", x, labels, described, splits, Card("a small world"), fingerprints(x, labels, splits))


FIRST, IDS = 3, 40
"""smallest token id of a world, and number of them: word pieces, and no special tokens, of most tokenizers"""


def token_ids(att: Float64[Array, "classes k"]) -> Float64[Array, "classes k"]:
    """Return rows of 1 to k token ids that follow from descriptions, each followed by -1."""
    ids = FIRST + np.floor(att * 1e4) % IDS
    lengths = 1 + np.floor(att[:, :1] * 1e6) % att.shape[1]
    return np.where(np.arange(att.shape[1]) < lengths, ids, -1.0)


def tokenised(seed: int = 0, **sizes: int) -> EmbeddedDataset:
    """Draw the same data as :func:`source` with token ids as class embeddings."""
    data = dataset(seed, **sizes)
    return EmbeddedDataset(data, lambda _: lambda classes: token_ids(classes.matrices["att"]), "l2", "none")


def pictured(seed: int = 0, side: int = 16, **sizes: int) -> EmbeddedDataset:
    """Draw the same data with ``side`` × ``side`` pixels of values from 0 to 255 as features."""
    data = dataset(seed, **{**sizes, "d": 3 * side**2})
    x = np.round(255 / (1 + np.exp(-data.features[:]))).astype(np.float32)
    shown = replace(data, features=x, fingerprints=fingerprints(x, data.labels, data.splits))
    return EmbeddedDataset(shown, Attributes().fit, "none", "l2")


def source(seed: int = 0, **sizes: int) -> EmbeddedDataset:
    """Draw the same data with attributes as class embeddings; features and class embeddings have length 1."""
    data = dataset(seed, **sizes)
    return EmbeddedDataset(data, Attributes().fit, "l2", "l2")
