"""Birds of random plumage, described by the share of each colour."""

from __future__ import annotations

import numpy as np

from zsl.data.dataset import Card, ClassDescriptions, Dataset, Splits
from zsl.data.fingerprint import fingerprints
from zsl.data.splits import divide, hold_out
from zsl.errors import InputError

COLOURS = 8


def load(species: int = 20, per_class: int = 30, seed: int = 0) -> Dataset:
    """Draw birds; every fifth species is unseen, and a fifth of the birds of each seen species is for testing.

    Raises:
        InputError: there are too few species or birds to divide.
    """
    if species < 10 or per_class < 5:
        raise InputError(f"data.species={species}: draw at least 10 species, of at least 5 birds (data.per_class)")
    generator = np.random.default_rng(seed)
    plumage = generator.dirichlet(np.ones(COLOURS), species)
    labels = np.repeat(np.arange(species), per_class)
    camera = generator.standard_normal((COLOURS, 3 * COLOURS))
    features = plumage[labels] @ camera + 0.5 * generator.standard_normal((len(labels), 3 * COLOURS))
    features, unseen = features.astype(np.float32), labels % 5 == 4
    trainval, test_seen = hold_out(np.flatnonzero(~unseen), labels, 0.2)
    splits = Splits(trainval, test_seen, np.flatnonzero(unseen), *divide(trainval, labels))
    return Dataset(
        "plumage",
        features,
        labels,
        ClassDescriptions(tuple(f"bird {i}" for i in range(species)), {"att": plumage}),
        splits,
        Card("Birds of random plumage", ("CC0-1.0",)),
        fingerprints(features, labels, splits),
    )
