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
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.data.class_rows import NAME_COLUMNS, read_rows, read_texts, require_all
from zsl.data.dataset import Card, ClassDescriptions, Dataset
from zsl.data.fingerprint import fingerprints, sha256
from zsl.datasets.array_labels import LABELS, read_labels, require_suffix
from zsl.datasets.array_splits import read_splits
from zsl.datasets.unused_classes import without_unused
from zsl.errors import InputError
from zsl.features.cache import Entry, cached, key_part
from zsl.files.array_file import ArrayFileError, read_array
from zsl.files.named_arrays import ARRAYS, open_arrays
from zsl.files.source_file import locate, require_file, require_file_name
from zsl.files.table import TABLES, read_table

FEATURES = ("features", "x")


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
    parts = read_splits(at(splits), y, names)
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
        first = " (the first line of a table is its heading)" if abs(len(x) - len(y)) == 1 else ""
        raise InputError(
            f"{name}: {len(x)} rows of features in {features}, but {len(y)} labels in {labels}; give one label per row"
            f"{first}"
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
        whole = FEATURES[0] if FEATURES[0] in table.heading else None
        apart = [name for name in table.heading if name.strip().lower() in (*LABELS, *NAME_COLUMNS)]
        found: Array = table.numbers([whole] if whole else table.rest(*apart))
    else:
        require_suffix(path, what)
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
