"""Small random worlds for tests of laws; nothing here says how accurate a method should be."""

from __future__ import annotations

import numpy as np

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


def source(seed: int = 0, **sizes: int) -> EmbeddedDataset:
    """Draw the same data with attributes as class embeddings; features and class embeddings have length 1."""
    data = dataset(seed, **sizes)
    return EmbeddedDataset(data, Attributes().fit, "l2", "l2")
