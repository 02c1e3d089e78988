"""Attributes of every class, as given by annotators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed
from zsl.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """φ(y) = the class's row of a matrix in the data set.

    ``kind`` names the matrix: ``att`` (continuous, rows of length 1 in xlsa17), ``original_att`` (as annotated;
    in AwA -1 marks a missing value), any other matrix of the data set, or ``binary``:

        φ(y)_a = 1[A_ya > mean(A_known)],  A = ``original_att``, or ``att`` if there is no ``original_att``,

    with one mean over all attributes of the known classes. AwA's binary matrix is computed from the continuous matrix
    with the mean over all classes [Lampert2014]; here unseen classes are excluded, because training may not use them.
    """

    kind: str = "att"

    def fit(self, known: ClassDescriptions) -> Embed:
        """Return the embedding: the matrix, or the matrix binarised at the mean over ``known``.

        Raises:
            InputError: the data set has no such matrix; the message lists the matrices of the data set. The matrix that
                is binarised has numbers that are not finite.
        """
        matrices = known.matrices
        if not matrices:
            raise InputError("class_embedding=attributes: the data set has no attributes; use class_embedding=glove")
        if self.kind in matrices:
            return partial(_matrix, self.kind)
        source = next((name for name in ("original_att", "att") if name in matrices), None)
        if self.kind == "binary" and source is not None:
            return partial(_above, source, float(np.mean(_finite(matrices, source))))
        has = [*matrices, *(["binary"] if source is not None else [])]
        raise InputError(
            f"class_embedding.kind={self.kind}: the data set has no such attributes; choose one of {', '.join(has)}"
        )


def _matrix(name: str, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
    return np.array(classes.matrices[name], dtype=np.float64)


def _above(name: str, threshold: float, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
    return np.where(_finite(classes.matrices, name) > threshold, 1.0, 0.0)


def _finite(matrices: Mapping[str, Float64[Array, "classes k"]], name: str) -> Float64[Array, "classes k"]:
    if not np.isfinite(matrices[name]).all():
        raise InputError(f"class_embedding.kind=binary: {name} has numbers that are not finite; correct the data set")
    return matrices[name]
