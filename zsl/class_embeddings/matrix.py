"""Precomputed class embeddings from a file: one row per class, matched to the classes by name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.data.class_rows import ClassRows, matched, read_rows
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed
from zsl.errors import InputError
from zsl.files.named_arrays import listed

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """φ(y) = the row of the file with the name of class y.

    The file is a table with a column of names (``.csv``, ``.tsv``, ``.txt``, ``.parquet``), or a file of arrays with a
    matrix and an array of names, or with one vector per class, called by its name (``.npz``, ``.safetensors``, ``.h5``,
    ``.pt``); see `zsl.data.class_rows.read_rows`. Rows of other classes are allowed. The rows of a ``.npy`` file are
    named by ``names``, a text file with one name per line; without it, row i is that of the i-th class of the data set
    (``zsl data inspect``), and a warning is logged.
    """

    path: str | Path
    names: str | Path | None = None

    def fit(self, known: ClassDescriptions) -> Embed:
        """Read the file, and return the lookup of rows by class name; nothing is fitted.

        Raises:
            InputError: the file is missing, damaged or without numbers, a known class has no row, or the file has no
                names and not one row per class. The returned function raises it for other classes without a row.
        """
        what, cure = "class embedding", "set class_embedding.path to a file with one row per class"
        rows = read_rows(self.path, what, cure, self.names, "class_embedding.names")
        if rows.names is not None:
            _by_name(rows, known.names, known)
            return partial(_by_name, rows, known.names)
        if len(rows.values) != known.total:
            raise InputError(
                f"{rows.place}: shape {rows.values.shape}, but the data set has {known.total} classes; give one row "
                "per class"
            )
        log.warning(
            "%s: has no names; row i is used for class i of the data set; set class_embedding.names to name the rows",
            rows.place,
        )
        return partial(_by_number, rows.values)


def _by_name(rows: ClassRows, known: Sequence[str], classes: ClassDescriptions) -> Float64[Array, "classes k"]:
    assert rows.names is not None
    place = matched(rows.names, classes.names)
    if missing := [repr(name) for name in classes.names if name not in place]:
        taken = {*place.values(), *matched(rows.names, known).values()}
        spare = [repr(name) for i, name in enumerate(rows.names) if i not in taken]
        raise InputError(
            f"{rows.place}: no row for {listed(missing)}; rows of other names: "
            f"{listed(spare) or 'none'}; give every class a row with its name"
        )
    return np.asarray(rows.values[[place[name] for name in classes.names]])


def _by_number(values: Float64[Array, "total k"], classes: ClassDescriptions) -> Float64[Array, "classes k"]:
    return values[list(classes.numbers)]
