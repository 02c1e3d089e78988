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


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """φ(y_i) = row i of the file; the rows stand in the order of the data set's classes (``zsl data inspect``)."""

    path: str | Path

    def fit(self, known: ClassDescriptions) -> Embed:
        """The rows of the file, by the numbers of the classes in the data set; nothing is fitted.

        Raises:
            InputError: the file is missing or no ``.npy`` array of numbers, or does not have one row a class.
        """
        path = Path(self.path).expanduser()
        try:
            phi = np.load(path, allow_pickle=False)
        except FileNotFoundError as error:
            raise InputError(f"class embedding {path}: no such file; set class_embedding.path to one") from error
        except (OSError, ValueError, EOFError) as error:
            raise InputError(
                f"class embedding {path}: not a .npy array of numbers; save one with numpy.save"
            ) from error
        n = known.total
        if not isinstance(phi, np.ndarray) or phi.ndim != 2 or phi.dtype.kind not in "fiub" or phi.shape[0] != n:
            shape = getattr(phi, "shape", "none")
            raise InputError(
                f"class embedding {path}: shape {shape}, but the data set has {n} classes; give one row of numbers each"
            )
        if not np.isfinite(phi).all():
            raise InputError(f"class embedding {path}: values are not finite; repair the file")
        return partial(_rows, phi.astype(np.float64))


def _rows(phi: Float64[Array, "total k"], classes: ClassDescriptions) -> Float64[Array, "classes k"]:
    return phi[list(classes.numbers)]
