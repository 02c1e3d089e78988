"""Class embeddings that somebody else has made: one row a class in a ``.npy`` file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed
from zsl.errors import InputError
from zsl.files.array_file import ArrayFileError, read_array
from zsl.files.source_file import require_file


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """φ(y_i) = row i of the file; the rows stand in the order of the data set's classes (``zsl data inspect``)."""

    path: str | Path

    def fit(self, known: ClassDescriptions) -> Embed:
        """The rows of the file, by the numbers of the classes in the data set; nothing is fitted.

        Raises:
            InputError: the file is missing or no ``.npy`` array of numbers, or does not have one row a class.
        """
        path = require_file(self.path, "class embedding", "set class_embedding.path to a .npy file")
        try:
            phi = read_array(path)
        except (OSError, ArrayFileError) as error:
            raise InputError(f"class embedding {path}: {error}; save real numbers with numpy.save") from error
        n = known.total
        if phi.ndim != 2 or phi.shape[0] != n or not phi.size:
            raise InputError(
                f"class embedding {path}: shape {phi.shape}, but the data set has {n} classes; give one row of numbers "
                "each"
            )
        with np.errstate(over="ignore"):
            phi = phi.astype(np.float64)
        if not np.isfinite(phi).all():
            raise InputError(f"class embedding {path}: values are not finite; repair the file")
        return partial(_rows, phi)


def _rows(phi: Float64[Array, "total k"], classes: ClassDescriptions) -> Float64[Array, "classes k"]:
    return phi[list(classes.numbers)]
