"""Image–text pairs from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.files.named_arrays import NamedArrays, open_arrays
from zsl.files.source_file import locate, require_file
from zsl.methods.method import Dimensions


def read_pairs(path: Path, dims: Dimensions) -> TrainingSet:
    """Read image–text pairs as a training set in which every distinct text is a class.

    The file has the arrays ``images`` (n × d) and ``texts`` (n × k); any format of :func:`.open_arrays` will do.

    Raises:
        InputError: the file is missing or damaged, or does not fit the sizes of the data.
    """
    file = require_file(locate(path), "pairs file", "method.pairs names a file with the arrays images and texts")
    arrays = open_arrays(file, "pairs file")
    images = _matrix(arrays, "images", dims.features, "θ(x) of the data set")
    texts = _matrix(arrays, "texts", dims.embedding, "φ(y) of the class embedding")
    if len(images) != len(texts):
        raise InputError(f"method.pairs={path}: {len(images)} images and {len(texts)} texts; give one text an image")
    phi, labels = np.unique(texts, axis=0, return_inverse=True)
    names = tuple(f"text {row}" for row in range(len(phi)))
    classes = LabelSpace(names, torch.from_numpy(phi), torch.ones(len(phi), dtype=torch.bool))
    return TrainingSet(Examples(torch.from_numpy(images), torch.from_numpy(labels.reshape(-1))), classes)


def _matrix(arrays: NamedArrays, name: str, width: int, of: str) -> Float32[Array, "n width"]:
    if name not in arrays.names:
        raise InputError(f"{arrays.place}: has no array {name!r}; save images (n × d) and texts (n × k)")
    found = arrays[name]
    if found.ndim != 2 or found.dtype.kind != "f" or found.shape[1] != width or not len(found):
        raise InputError(f"{arrays.place}: {name} is {found.dtype} of shape {found.shape}; {of} has {width} numbers")
    if not np.isfinite(found).all():
        raise InputError(f"{arrays.place}: {name} holds numbers that are not finite; make the file again")
    return np.array(found, dtype=np.float32)
