"""Class descriptions -> φ: fitting uses known classes only, and unseen classes are embedded in a separate call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from zsl.data.dataset import ClassDescriptions, Dataset
from zsl.errors import InputError

Embed = Callable[[ClassDescriptions], Float64[Array, "classes k"]]
"""descriptions of any classes -> φ(y), one row per class"""
FitEmbedding = Callable[[ClassDescriptions], Embed]
"""descriptions of the known classes -> an embedding whose parameters (thresholds, means) are fitted on them"""


def embed(fit: FitEmbedding, classes: ClassDescriptions, known: Bool[Array, " classes"]) -> Float64[Array, "classes k"]:
    """Return φ of all ``classes``, fitted on the known classes and applied to known and to other classes separately.

    φ of the known classes is therefore a function of the descriptions of the known classes only: it is bit-identical
    whatever the descriptions or the number of the other classes, and whatever the embedding does.

    Raises:
        InputError: a class cannot be embedded, or its φ is not finite.
    """
    embedding = fit(classes.part(np.flatnonzero(known).tolist()))
    phi: Float64[Array, "classes k"] | None = None
    for group in (known, ~known):
        if group.any():
            rows = np.asarray(embedding(classes.part(np.flatnonzero(group).tolist())), dtype=np.float64)
            phi = np.empty((len(known), rows.shape[1])) if phi is None else phi
            phi[group] = rows
    assert phi is not None
    bad = ~np.isfinite(phi).all(axis=1)
    if bad.any():
        name = classes.names[int(bad.argmax())]
        raise InputError(f"class_embedding: φ of class {name!r} is not finite; choose another class embedding")
    return phi


def shuffled(dataset: Dataset, seed: int) -> ClassDescriptions:
    """Return the class descriptions permuted within train, within validation and within unseen classes.

    Class y gets the description of class π(y), so that φ carries no information on the images. Descriptions are not
    exchanged between the groups, because training would then see descriptions of classes that it may not use.
    """
    labels, splits = dataset.labels, dataset.splits
    group = np.zeros(len(dataset.classes.names), dtype=int)
    for number, rows in enumerate((splits.trainval, splits.val, splits.train), start=1):
        group[labels[rows]] = number
    order = np.arange(len(group))
    for number in np.unique(group):
        members = np.flatnonzero(group == number)
        order[members] = np.random.default_rng([seed, number]).permutation(members)
    return dataset.classes.part(order.tolist())
