"""Export of data sets to files that ``data=arrays`` or ``data=xlsa17`` reads with the same fingerprints."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.data.dataset import Dataset
from zsl.datasets import arrays, xlsa17
from zsl.errors import InputError
from zsl.files import matlab
from zsl.files.folder import new_folder
from zsl.files.source_file import require_file_name

FORMATS = ("arrays", "xlsa17")


def export(dataset: Dataset, output: Path, form: str, phi: Float64[Array, "classes k"] | None = None) -> dict[str, Any]:
    """Write a data set into a new folder atomically, and return the keys of ``data`` that read the folder.

    Args:
        dataset: the data set.
        output: a folder that does not exist yet, or is empty.
        form: one of `FORMATS`.
        phi: class embeddings to write as ``att`` of the xlsa17 format, if the data set has no ``att``.

    Raises:
        InputError: the folder exists and is not empty, or cannot be written; or the format cannot represent the data
            set, so that the fingerprints would change.
    """
    used = np.unique(dataset.labels[np.concatenate(list(dataset.splits.parts().values()))])
    with new_folder(output, "data export") as folder, TemporaryDirectory(dir=folder.parent, prefix=".cache.") as cache:
        keys = _write_arrays(dataset, folder) if form == "arrays" else _write_xlsa17(dataset, folder, phi)
        if len(used) < len(dataset.classes.names):
            keys["distractors"] = True
        load = arrays.load if form == "arrays" else xlsa17.load
        try:
            again = load(**keys, name="export", root=folder, cache=cache)
        except InputError as error:
            raise InputError(f"data export: {str(error).replace(str(folder), str(output))}") from error
        for part, digest in dataset.fingerprints.items():
            if again.fingerprints[part] != digest:
                raise InputError(
                    f"data export: format {form} would change {part} of {dataset.name}; sort train and val in the "
                    "order of trainval, and verify the data set (zsl data verify)"
                )
    return keys


def _write_arrays(dataset: Dataset, folder: Path) -> dict[str, Any]:
    classes = dataset.classes
    np.save(folder / "features.npy", np.ascontiguousarray(dataset.features), allow_pickle=False)
    np.savez(folder / "labels.npz", labels=dataset.labels, names=np.array(classes.names))
    rows = {name: part.tolist() for name, part in dataset.splits.parts().items()}
    (folder / "splits.json").write_text(json.dumps(rows) + "\n", encoding="utf-8")
    keys: dict[str, Any] = {"features": "features.npy", "labels": "labels.npz", "splits": "splits.json"}
    embeddings = {}
    for kind, matrix in classes.matrices.items():
        require_file_name("data export: class description", kind)
        heading = ["class", *(f"{kind}_{i}" for i in range(matrix.shape[1]))]
        lines = [
            [name, *map(repr, row)] for name, row in zip(classes.names, matrix.astype(float).tolist(), strict=True)
        ]
        _write_table(folder / f"{kind}.csv", heading, lines)
        embeddings[kind] = f"{kind}.csv"
    if embeddings:
        keys["class_embeddings"] = embeddings
    if classes.texts:
        columns = list(classes.texts.values())
        _write_table(
            folder / "texts.csv",
            ["class", *classes.texts],
            [list(line) for line in zip(classes.names, *columns, strict=True)],
        )
        keys["texts"] = "texts.csv"
    return keys


def _write_table(path: Path, heading: list[str], lines: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(heading)
    writer.writerows(lines)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


def _write_xlsa17(dataset: Dataset, folder: Path, phi: Float64[Array, "classes k"] | None) -> dict[str, Any]:
    classes = dataset.classes
    matrices: Mapping[str, Any] = classes.matrices if "att" in classes.matrices else {**classes.matrices, "att": phi}
    if matrices["att"] is None:
        raise InputError("data export: the data set has no attributes, which xlsa17 needs; use --format arrays")
    if any(name != name.strip() for name in classes.names):
        raise InputError("data export: a class name begins or ends with a space, which xlsa17 loses; rename the class")
    # images of no class get a label beyond the last column of att, as in the released files
    labels = np.where(dataset.labels < 0, len(classes.names), dataset.labels) + 1
    features = {"features": np.asarray(dataset.features).T, "labels": labels[:, None]}
    splits: dict[str, Any] = {
        **{key: matrices[key].T for key in ("att", "original_att") if key in matrices},
        "allclasses_names": np.array([[name] for name in classes.names], dtype=object),
        **{f"{name}_loc": rows[:, None] + 1 for name, rows in dataset.splits.parts().items()},
    }
    (folder / "res101.mat").write_bytes(matlab.encode(features))
    (folder / "att_splits.mat").write_bytes(matlab.encode(splits))
    return {}
