"""Features, labels, splits and class descriptions from a user's own files of arrays and tables (``data=arrays``).

Files of arrays are ``.npy``, ``.npz``, ``.pt``, ``.safetensors`` and ``.h5``; tables are ``.csv`` (``.tsv``, ``.txt``)
with a heading, and ``.parquet``. All indices are counted from 0. Relative paths are relative to ``root``, if given.

- ``features``: a matrix n × d, called ``features`` if the file has several arrays. In a table all columns except labels
  and names are features; in Parquet, ``features`` may also be one column of lists. A float32 ``.npy`` file is
  memory-mapped in place; any other file is converted to float32 once and cached.
- ``labels``: n class names, or n whole numbers, called ``labels`` if the file has several arrays or columns. Whole
  numbers are positions in ``class_names`` (a text file, one name per line) or in an array ``names`` of the same file.
  If both are given, the numbers are positions in the array, and ``class_names`` names the rows of a ``.npy`` file of
  class embeddings; if neither is given, the numbers are the names. -1 means no class.
- ``splits``: YAML or JSON in the format of an image folder (`zsl.datasets.image_folder`), with row numbers under
  ``train`` and ``test``; or the rows of every split, under ``trainval``, ``test_seen``, ``test_unseen`` and optionally
  ``train`` and ``val``, as lists in YAML or JSON or as arrays in any file of arrays.
- ``class_embeddings``: a matrix with a name for every row (`zsl.data.class_rows.read_rows`), or several by kind, such
  as ``{att: a.csv, original_att: b.csv}``. Rows are matched to classes by name; missing and superfluous rows are
  refused.
- ``texts``: a table of class names and texts, or a folder of ``CLASS.txt`` (`zsl.data.class_rows.read_texts`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray as Array

from zsl.data.class_names import find_name, read_names, require_names, suggest_name
from zsl.data.class_rows import NAME_COLUMNS, NAMES, matched, read_rows, read_texts, refuse_mismatch, require_all
from zsl.data.dataset import Card, ClassDescriptions, Dataset, Splits
from zsl.data.fingerprint import fingerprints, sha256
from zsl.data.splits import SplitsOrigin, audit, check_rows, divide
from zsl.datasets.split_file import SplitFile, by_class, checked, entries, parse_split_file, tested
from zsl.datasets.unused_classes import without_unused
from zsl.errors import InputError
from zsl.features.cache import Entry, cached, key_part
from zsl.files.array_file import ArrayFileError, read_array
from zsl.files.named_arrays import ARRAYS, listed, open_arrays
from zsl.files.source_file import composed, locate, require_file, require_file_name
from zsl.files.table import TABLES, Table, read_table

LABELS = ("labels", "label")
"""names of the labels in a file of several arrays or columns"""
FEATURES = ("features", "x")
PARTS = ("trainval", "test_seen", "test_unseen")
MORE = ("train", "val")
_WHOLE = re.compile(r"\s*-?\d{1,18}\s*")


def load(
    features: str | Path,
    labels: str | Path,
    splits: str | Path,
    *,
    cache: str | Path,
    name: str = "arrays",
    root: str | Path | None = None,
    class_embeddings: str | Path | Mapping[str, str | Path] | None = None,
    class_names: str | Path | None = None,
    texts: str | Path | None = None,
    distractors: bool = False,
) -> Dataset:
    """Read a data set from files of arrays and tables, whose formats are described in the module docstring.

    A class without an image in any split is removed, with a note; ``distractors=True`` keeps such classes as candidate
    labels.

    Raises:
        InputError: ``name`` cannot be in a file name, a file is missing, damaged or of another kind, or shapes, labels,
            names or splits are inconsistent.
    """
    require_file_name("data.name", name)
    if root is not None and not locate(root).is_dir():
        raise InputError(f"data.root={root}: no such folder; give the folder that the other paths are relative to")
    at = partial(_below, root)
    y, names = read_labels(at(labels), None if class_names is None else at(class_names))
    parts = _splits(at(splits), y, names)
    given = class_embeddings if isinstance(class_embeddings, Mapping) else {"att": class_embeddings}
    matrices = {
        kind: require_all(
            read_rows(
                at(path),
                f"data.class_embeddings ({kind})",
                "give a file of class embeddings",
                at(class_names) if class_names is not None and _is_nameless(at(path)) else None,
                "data.class_names",
            ),
            names,
            "data.class_names",
        )
        for kind, path in given.items()
        if path is not None
    }
    written = {} if texts is None else read_texts(at(texts), "data.texts", names)
    x, digest = _features(at(features), Path(cache).expanduser(), name)
    if len(x) != len(y):
        raise InputError(
            f"{name}: {len(x)} rows of features in {features}, but {len(y)} labels in {labels}; give one label per row"
        )
    used = np.unique(y[np.concatenate([parts.trainval, parts.test_seen, parts.test_unseen])])
    classes, y, notes = without_unused(ClassDescriptions(names, matrices, written), y, used, distractors)
    seen = len(np.unique(y[parts.trainval]))
    title = f"{name}: {len(x)} images, {seen} seen and {len(used) - seen} unseen classes"
    prints = fingerprints(x, y, parts, known=digest)
    return Dataset(name, x, y, classes, parts, Card(title, notes=tuple(notes)), prints)


def _below(root: str | Path | None, path: str | Path) -> Path:
    """Return a path, relative to ``root`` if it is a relative path and there is a root."""
    found = locate(path)
    return found if root is None or found.is_absolute() else locate(locate(root) / path)


def _is_nameless(path: Path) -> bool:
    """Tell whether a file has one array and no names, so that ``data.class_names`` names the rows."""
    suffix = path.suffix.lower()
    return suffix in ARRAYS and path.is_file() and len(open_arrays(path, "data.class_embeddings").names) == 1


def _features(path: Path, cache: Path, name: str) -> tuple[Float32[Array, "n d"], str]:
    """Return the features, memory-mapped from the file or from the cache, and their SHA-256."""
    path = require_file(path, "data.features", "check data.features and data.root")
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    key = f"arrays/{key_part(name)}-{key_part(path.stem)}-{place[:12]}"
    mapped = _mapped(path)
    if mapped is not None:
        entry = cached(cache, key, {"mapped": True}, lambda: Entry({}, {"sha256": sha256(mapped)}), [path])
        return mapped, str(entry.meta["sha256"])
    entry = cached(cache, key, {"mapped": False}, lambda: _converted(path), [path])
    return entry.arrays["features"], str(entry.meta["sha256"])


def _mapped(path: Path) -> Float32[Array, "n d"] | None:
    """Return the file as a memory map, or None if the features must be converted."""
    if path.suffix.lower() != ".npy":
        return None
    try:
        x = read_array(path, "r")
    except (OSError, ArrayFileError) as error:
        raise InputError(f"data.features {path}: {error}; save real numbers with numpy.save") from error
    usable = x.dtype == np.float32 and x.ndim == 2 and x.size and x.flags.c_contiguous
    return x if usable else None


def _converted(path: Path) -> Entry:
    what = "data.features"
    if path.suffix.lower() in TABLES:
        table = read_table(path, what)
        whole = next((column for column in table.heading if column in FEATURES and column != "x"), None)
        apart = {table.column(LABELS), table.column(NAME_COLUMNS)}
        found: Array = table.numbers([whole] if whole else [name for name in table.heading if name not in apart])
    else:
        _require_suffix(path, what)
        arrays = open_arrays(path, what)
        found = arrays[arrays.pick(*FEATURES)]
    if found.dtype.kind == "U" or found.ndim != 2 or not found.size:
        held = "text" if found.dtype.kind == "U" else f"an array of shape {found.shape}"
        raise InputError(f"{what} {path}: holds {held}; give a matrix of numbers with one row per image")
    with np.errstate(over="ignore", invalid="ignore"):
        x = np.ascontiguousarray(found, dtype=np.float32)
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise InputError(
            f"{what} {path}: row {int(bad.argmax())} has values that are not finite in float32; extract it again"
        )
    return Entry({"features": x}, {"sha256": sha256(x)})


def _require_suffix(path: Path, what: str) -> None:
    if path.suffix.lower() not in ARRAYS:
        raise InputError(f"{what} {path}: ends in none of {', '.join((*ARRAYS, *TABLES))}; save it as one of these")


def read_labels(path: Path, class_names: Path | None) -> tuple[Int64[Array, " n"], tuple[str, ...]]:
    """Read the labels of all images, as positions in the class names or -1, and the class names.

    Raises:
        InputError: a file is missing or damaged, or labels and names are inconsistent.
    """
    what = f"data.labels {path}"
    path = require_file(path, "data.labels", "check data.labels and data.root")
    found, own = _column(path)
    if found.dtype.kind not in "iufU" or found.size != max(found.shape, default=0) or not found.size:
        raise InputError(
            f"{what}: holds {found.dtype} of shape {found.shape}; give one class name or whole number per image"
        )
    found = found.reshape(-1)
    names = read_names(class_names) if class_names is not None else own
    if names is not None and own is not None and names != own:
        refuse_mismatch(f"data.class_names {class_names}", names, own, matched(names, own))
        names = own
    if found.dtype.kind == "U":
        return _by_name(found, names, what)
    with np.errstate(invalid="ignore", over="ignore"):
        numbers = found.astype(np.int64)
    if (numbers != found).any():
        row = int((numbers != found).argmax())
        raise InputError(f"{what}: label {found[row]} of row {row} is not a whole number; count classes from 0")
    if (numbers < -1).any():
        row = int((numbers < -1).argmax())
        raise InputError(
            f"{what}: label {numbers[row]} of row {row} is negative; count classes from 0, and use -1 for no class"
        )
    if names is None:
        kept = np.unique(numbers[numbers >= 0])
        position = np.searchsorted(kept, numbers)
        return np.where(numbers >= 0, position, -1), tuple(map(str, kept.tolist()))
    if (numbers >= len(names)).any():
        row = int((numbers >= len(names)).argmax())
        raise InputError(
            f"{what}: label {numbers[row]} of row {row}, but there are {len(names)} class names; give positions in the "
            "class names, counted from 0"
        )
    return numbers, names


def _column(path: Path) -> tuple[Array, tuple[str, ...] | None]:
    """Read the labels as stored, and the class names in the same file if the labels are numbers."""
    if path.suffix.lower() not in TABLES:
        _require_suffix(path, "data.labels")
        arrays = open_arrays(path, "data.labels")
        rest = next((name for name in NAMES if name in arrays.names), None)
        found = arrays[next((name for name in LABELS if name in arrays.names), None) or arrays.pick(*LABELS)]
        if rest is None or found.dtype.kind == "U":
            return found, None
        names = arrays[rest]
        if names.dtype.kind != "U" or names.ndim != 1 or not len(names):
            raise InputError(f"{arrays.place}: {rest} is not a list of strings; save the name of every class")
        require_names(names.tolist(), f"{arrays.place}: {rest}")
        return found, tuple(names.tolist())
    table = read_table(path, "data.labels")
    texts = table.texts(_label_column(table))
    if texts and all(map(_WHOLE.fullmatch, texts)):
        return np.array([int(text) for text in texts], dtype=np.int64), None
    return np.array([text.strip() for text in texts], dtype=np.str_), None


def _label_column(table: Table) -> str:
    found = table.column(LABELS) or table.column(NAME_COLUMNS)
    if found is None and len(table.heading) != 1:
        raise InputError(f"{table.place}: no column 'labels', but {listed(table.heading)}; rename one of them")
    return found or table.heading[0]


def _by_name(found: Array, names: tuple[str, ...] | None, what: str) -> tuple[Int64[Array, " n"], tuple[str, ...]]:
    there, labels = np.unique(found, return_inverse=True)
    if names is None:
        names = tuple(there.tolist())
        require_names(names, f"{what}: class names")
        return labels.astype(np.int64), names
    at = {composed(name): i for i, name in enumerate(names)}
    unknown = [repr(name) for name in there.tolist() if composed(name) not in at]
    if unknown:
        raise InputError(f"{what}: not among the names of data.class_names: {listed(unknown)}; add them there")
    return np.array([at[composed(name)] for name in there.tolist()], dtype=np.int64)[labels], names


def _splits(path: Path, labels: Int64[Array, " n"], names: Sequence[str]) -> Splits:
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
