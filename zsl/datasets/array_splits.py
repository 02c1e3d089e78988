"""Splits of ``data=arrays``: rows of every split, or classes with rows of seen classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array

from zsl.data.class_names import find_name, suggest_name
from zsl.data.dataset import Splits
from zsl.data.splits import SplitsOrigin, audit, check_rows, divide
from zsl.datasets.split_file import SplitFile, by_class, checked, entries, parse_split_file, tested
from zsl.errors import InputError
from zsl.files.named_arrays import ARRAYS, listed, open_arrays
from zsl.files.source_file import require_file

PARTS = ("trainval", "test_seen", "test_unseen")
MORE = ("train", "val")


def read_splits(path: Path, labels: Int64[Array, " n"], names: Sequence[str]) -> Splits:
    """Read the rows of every split, or make them from classes and rows of seen classes.

    Raises:
        InputError: the file is missing, damaged or of another form, or its splits fail the audit.
    """
    path = require_file(path, "data.splits", "give a split file; zsl data splits makes one")
    if path.suffix.lower() in ARRAYS:
        arrays = open_arrays(path, "data.splits")
        return _of_rows(path, arrays.names, lambda key: _indices(arrays[key], f"{path}: {key}"), labels)
    content = parse_split_file(path)
    if any(key in content for key in PARTS):
        unknown = [str(key) for key in content if key not in (*PARTS, *MORE)]
        if unknown:
            raise InputError(f"{path}: unknown key {unknown[0]!r} beside rows; keys are {', '.join((*PARTS, *MORE))}")

        def rows(key: str) -> Int64[Array, " m"]:
            return np.array(entries(path, key, content[key], int), dtype=np.int64)

        return _of_rows(path, [str(key) for key in content], rows, labels)
    return _of_classes(path, checked(path, content, int), labels, names)


def _of_rows(
    path: Path, keys: Sequence[str], rows: Callable[[str], Int64[Array, " m"]], labels: Int64[Array, " n"]
) -> Splits:
    """Make splits from lists of rows; train and val are sorted in the order of trainval."""
    for key in PARTS:
        if key not in keys:
            raise InputError(
                f"{path}: has no {key}, but {listed(keys) or 'nothing'}; give the rows of {', '.join(PARTS)}"
            )
    if (MORE[0] in keys) != (MORE[1] in keys):
        raise InputError(f"{path}: has one of train and val without the other; give both, or neither")
    found = {key: rows(key) for key in (*PARTS, *MORE) if key in keys}
    origin, n = SplitsOrigin(str(path)), len(labels)
    for key, part in found.items():
        bare = part[(part >= 0) & (part < n)]
        if (labels[bare] < 0).any():
            raise InputError(
                f"{path}: {key}: row {bare[labels[bare] < 0][0]} is an image of no class; remove it from the split"
            )
    if MORE[0] not in found:
        check_rows("trainval", found["trainval"], n, origin)
        found |= dict(zip(MORE, divide(found["trainval"], labels), strict=True))
    parts = Splits(**found)
    audit(parts, labels, origin)
    train, val = (parts.trainval[np.isin(parts.trainval, part)] for part in (parts.train, parts.val))
    return Splits(parts.trainval, parts.test_seen, parts.test_unseen, train, val)


def _of_classes(path: Path, plan: SplitFile[int], labels: Int64[Array, " n"], names: Sequence[str]) -> Splits:
    """Make splits by class; the test images of seen classes are listed, or a share of every class."""
    position = np.full(len(names) + 1, -1)
    for i, name in enumerate(plan.classes):
        if (own := find_name(name, names)) is None:
            raise InputError(
                f"{path}: {name!r} is not a class of the data set; {suggest_name(name, names, 'remove it')}"
            )
        position[names.index(own)] = i
    places = position[labels]
    seen = (places >= 0) & (places < len(plan.seen))
    if plan.train is None or plan.test is None:
        is_test = tested(range(len(labels)), places, plan)
        return by_class(plan, places, np.flatnonzero(seen & ~is_test), np.flatnonzero(seen & is_test), path)
    train, test = (np.array(sorted(rows), dtype=np.int64) for rows in (plan.train, plan.test))
    for key, rows in (("train", train), ("test", test)):
        if len(outside := rows[rows >= len(labels)]):
            raise InputError(f"{path}: {key}: row {outside[0]} is out of range; give rows from 0 to {len(labels) - 1}")
        if len(other := rows[~seen[rows]]):
            raise InputError(f"{path}: {key}: row {other[0]} is not an image of a seen class; remove it")
    return by_class(plan, places, train, test, path)


def _indices(found: Any, where: str) -> Int64[Array, " m"]:
    if found.dtype.kind not in "iu" or found.size != max(found.shape, default=0):
        mask = "; save numpy.flatnonzero(mask)" if found.dtype.kind == "b" else "; give whole numbers, counted from 0"
        raise InputError(f"{where} holds {found.dtype} of shape {found.shape}, not a list of rows{mask}")
    return np.asarray(found.reshape(-1), dtype=np.int64)
