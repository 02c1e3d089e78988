"""Class descriptions -> φ: what is fitted is fitted on known classes, and unseen classes are embedded apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from zsl.data.dataset import ClassDescriptions, Dataset
from zsl.errors import InputError

Embed = Callable[[ClassDescriptions], Float64[Array, "classes k"]]
"""descriptions of any classes -> φ(y), one row a class"""
FitEmbedding = Callable[[ClassDescriptions], Embed]
"""descriptions of the known classes -> an embedding with all that is fitted (thresholds, means) fitted on them"""


def embed(fit: FitEmbedding, classes: ClassDescriptions, known: Bool[Array, " classes"]) -> Float64[Array, "classes k"]:
    """φ of all ``classes``: fitted on the known ones, then applied to these and to the others in two calls.

    φ of the known classes is therefore a function of their own descriptions, whatever the embedding does; neither the
    descriptions nor the number of the other classes can change a bit of it.

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
    """The descriptions of the classes, permuted among the train classes, among the validation classes, and among the
    unseen ones: class y is described as class π(y), so that φ says nothing of the images any more.

    No description moves from one group to another: with it, training would learn of classes that it may not know.
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
