"""Class descriptions from files, one row or one text per class, matched to the classes by name, never by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.data.class_names import normalised, read_names, require_names
from zsl.errors import InputError
from zsl.files.named_arrays import ALONE, ARRAYS, NamedArrays, listed, open_arrays
from zsl.files.source_file import composed, read_text, require_file
from zsl.files.table import TABLES, read_table

NAME_COLUMNS = ("class", "name", "class_name", "names", "label", "category")
"""headings of the column of class names; a table without any of them has the names in its first column"""
NAMES = ("names", "class_names", "classes")
"""keys of the array of class names"""


@dataclass(frozen=True)
class ClassRows:
    """A matrix with one row per class and the names of its rows; ``names`` is None if the file has none."""

    place: str
    names: tuple[str, ...] | None
    values: Float64[Array, "rows k"]


def read_rows(path: str | Path, what: str, cure: str, names: str | Path | None, key: str) -> ClassRows:
    """Read a matrix of class descriptions.

    A table (``.csv``, ``.tsv``, ``.txt``, ``.parquet``) has a column of names (`NAME_COLUMNS`, or the first column) and
    numbers in all other columns. A file of named arrays (``.npz``, ``.safetensors``, ``.h5``, ``.pt``) has a matrix and
    an array of text called one of `NAMES`, or one vector per class, called by the name of the class. A ``.npy`` file,
    or a file of one tensor, has no names; ``names`` is a text file with the names of the rows, one per line.

    Args:
        path: the file.
        what: the purpose of the file, for messages.
        cure: the advice to give if the file is missing.
        names: the file of names; None if the matrix has its own names, or none.
        key: the configuration key of ``names``.

    Raises:
        InputError: the file is missing, damaged or of another kind, a name occurs twice, or a number is not finite.
    """
    file = require_file(path, what, cure)
    suffix = file.suffix.lower()
    if suffix in TABLES:
        found = _of_table(file, what)
    elif suffix in ARRAYS:
        found = _of_arrays(open_arrays(file, what))
    else:
        raise InputError(f"{what} {file}: ends in none of {', '.join((*ARRAYS, *TABLES))}; save it as one of these")
    if names is not None:
        if found.names is not None:
            raise InputError(f"{key}={names}: {file} has names of its own; leave {key} out")
        found = ClassRows(found.place, read_names(names, len(found.values), key), found.values)
    if found.names is not None:
        require_names(found.names, found.place)
    bad = ~np.isfinite(found.values).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        name = f" (class {found.names[row]!r})" if found.names else ""
        raise InputError(f"{found.place}: values of row {row + 1}{name} are not finite; repair the file")
    return found


def require_all(rows: ClassRows, classes: Sequence[str], key: str) -> Float64[Array, "classes k"]:
    """Return the rows of the given classes, in the order of ``classes``; every row must belong to one class.

    Raises:
        InputError: the matrix has no names, a class has no row, or a row belongs to no class; the message lists the
            names on both sides.
    """
    if rows.names is None:
        raise InputError(
            f"{rows.place}: has no names, and rows are never matched by position; set {key} to a text file with the "
            "class name of every row, one per line"
        )
    place = matched(rows.names, classes)
    refuse_mismatch(rows.place, rows.names, classes, place)
    return rows.values[[place[name] for name in classes]]


def matched(there: Sequence[str], wanted: Iterable[str]) -> dict[str, int]:
    """Return the position in ``there`` of every wanted name that is found.

    Names are compared in Unicode's normal form C first. A name without an equal is matched to the only name in
    ``there`` with the same normalised form (`zsl.data.class_names.normalised`), if there is exactly one:
    ``002.Barn_Swallow`` is matched to ``barn swallow``. The match of a name does not depend on the other wanted names.
    """
    exact = {composed(name): i for i, name in enumerate(there)}
    times = Counter(map(normalised, there))
    by_form = {normalised(name): i for i, name in enumerate(there) if times[normalised(name)] == 1}
    places = {name: exact.get(composed(name), by_form.get(normalised(name))) for name in wanted}
    return {name: place for name, place in places.items() if place is not None}


def refuse_mismatch(place: str, there: Sequence[str], wanted: Sequence[str], found: Mapping[str, int]) -> None:
    """Refuse names that differ from those of the classes, and list the missing and the superfluous ones.

    Raises:
        InputError: the names differ, or two classes were matched to the same name.
    """
    times = Counter(found.values())
    shared = {name for name, at in found.items() if times[at] > 1 and composed(there[at]) != composed(name)}
    missing = [repr(name) for name in wanted if name not in found or name in shared]
    extra = [repr(name) for i, name in enumerate(there) if i not in times]
    if missing or extra:
        raise InputError(
            f"{place}: the names differ from the class names of the data set; missing: {listed(missing) or 'none'}; "
            f"too many: {listed(extra) or 'none'}; list every class name, and no other name"
        )


def read_texts(path: str | Path, what: str, classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read texts that describe the classes: kind -> one text per class, in the order of ``classes``.

    A table has a column of names (`NAME_COLUMNS`, or the first column) and texts in all other columns, whose headings
    are the kinds. A folder has a file ``CLASS.txt`` for every class; the kind is ``text``. Line breaks within a text
    become spaces.

    Raises:
        InputError: the table or folder is missing or damaged, a class has no text or an empty one, or a text belongs to
            no class; the message lists the names on both sides.
    """
    folder = Path(path)
    if folder.is_dir():
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".txt" and file.name[0] != ".")
        names, place = [file.stem for file in files], f"{what} {path}"
        columns = {"text": [_text_of(file, what) for file in files]}
    else:
        file = require_file(path, what, "give a .csv of class names and texts, or a folder of CLASS.txt files")
        if file.suffix.lower() not in TABLES:
            raise InputError(f"{what} {file}: ends in none of {', '.join(TABLES)}, and is not a folder; save it as CSV")
        table = read_table(file, what)
        place, key = table.place, table.column(NAME_COLUMNS) or table.heading[0]
        names = table.texts(key)
        columns = {column.strip(): table.texts(column) for column in table.heading if column != key}
        if not columns:
            raise InputError(f"{place}: no column of texts; begin with `class,text`")
        for column in columns:
            if not column.isidentifier() or column == "name":
                raise InputError(
                    f"{place}: heading {column!r} cannot be a field of a template; use one word, such as text"
                )
    require_names(names, place)
    found = matched(names, classes)
    refuse_mismatch(place, names, classes, found)
    texts = {key: tuple(" ".join(column[found[name]].split()) for name in classes) for key, column in columns.items()}
    for kind, said in texts.items():
        for name, text in zip(classes, said, strict=True):
            if not text:
                raise InputError(f"{place}: {kind} of class {name!r} is empty; write one")
    return texts


def _text_of(file: Path, what: str) -> str:
    return read_text(require_file(file, what, "make it a text file"), what)


def _of_table(file: Path, what: str) -> ClassRows:
    table = read_table(file, what)
    key = table.column(NAME_COLUMNS) or table.heading[0]
    return ClassRows(table.place, tuple(name.strip() for name in table.texts(key)), table.numbers(table.rest(key)))


def _of_arrays(arrays: NamedArrays) -> ClassRows:
    name = next((name for name in NAMES if name in arrays.names), None)
    if name is not None:
        names = arrays[name]
        if names.dtype.kind != "U" or names.ndim != 1:
            raise InputError(f"{arrays.place}: {name} is not a list of strings; save one class name per row")
        rest = NamedArrays(arrays.place, tuple(other for other in arrays.names if other != name), arrays.__getitem__)
        values = _numbers(rest, rest.pick("embeddings", "class_embeddings", "att", "features"))
        if values.ndim != 2 or len(values) != len(names) or not values.size:
            raise InputError(
                f"{arrays.place}: {len(names)} names for a matrix of shape {values.shape}; give one name per row"
            )
        return ClassRows(arrays.place, tuple(map(str, names)), values)
    if arrays.names == (ALONE,) or len(arrays.names) == 1:
        values = _numbers(arrays, arrays.names[0])
        if values.ndim != 2 or not values.size:
            raise InputError(f"{arrays.place}: shape {values.shape} is not a matrix; give one row per class")
        return ClassRows(arrays.place, None, values)
    if not arrays.names:
        raise InputError(f"{arrays.place}: holds no array; save one vector per class, or a matrix and names")
    rows = [_numbers(arrays, name) for name in arrays.names]
    for label, row in zip(arrays.names, rows, strict=True):
        if row.ndim != 1 or not row.size or row.shape != rows[0].shape:
            raise InputError(
                f"{arrays.place}: {label!r} has shape {row.shape}; save one vector of the same length for every class, "
                "called by the name of the class, or a matrix and an array `names`"
            )
    return ClassRows(arrays.place, arrays.names, np.stack(rows))


def _numbers(arrays: NamedArrays, name: str) -> Float64[Array, "..."]:
    values = arrays[name]
    if values.dtype.kind == "U":
        raise InputError(f"{arrays.place}: {name or 'the array'} holds text, not real numbers; save real numbers")
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float64)
