"""Attributes: what annotators said of every class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """φ(y) = the class's row of a matrix that the data set brings along.

    ``kind`` names the matrix: ``att`` (continuous, rows of length 1 in xlsa17), ``original_att`` (as annotated;
    in AwA -1 marks a missing value), any other the data set has, or ``binary``:

        φ(y)_a = 1[A_ya > mean(A)],  A = ``original_att``, or ``att`` where the former is missing,

    with one mean over all classes and attributes, as AwA's binary matrix is made of its continuous one
    [Lampert2014].
    """

    kind: str = "att"

    def __call__(self, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
        """φ(y) of every class.

        Raises:
            InputError: the data set has no such matrix; the message names those it has.
        """
        matrices = classes.matrices
        if not matrices:
            raise InputError("class_embedding=attributes: the data set has no attributes; use class_embedding=glove")
        if self.kind in matrices:
            return np.array(matrices[self.kind], dtype=np.float64)
        source = matrices.get("original_att", matrices.get("att"))
        if self.kind == "binary" and source is not None:
            return np.where(source > np.mean(source), 1.0, 0.0)
        has = [*matrices, *(["binary"] if source is not None else [])]
        raise InputError(
            f"class_embedding.kind={self.kind}: the data set has no such attributes; choose one of {', '.join(has)}"
        )
