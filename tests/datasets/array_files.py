"""One small data set as files of arrays and tables, in every format that is read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import torch
from numpy import ndarray as Array
from pyarrow import parquet
from safetensors.torch import save_file

NAMES = ("Barn Swallow", "Bobolink", "Cactus Wren", "Gadwall", "Le Conte Sparrow", "Sooty Albatross")
PER_CLASS = 5
LABELS = np.repeat(np.arange(len(NAMES)), PER_CLASS)
FEATURES = np.random.default_rng(0).standard_normal((len(LABELS), 4)).astype(np.float32)
PHI = np.random.default_rng(1).random((len(NAMES), 3)) + 0.1
ROWS = np.arange(len(LABELS))
SEEN, TESTED = LABELS < 4, ROWS % PER_CLASS == 0
SPLITS = {
    "trainval": ROWS[SEEN & ~TESTED],
    "test_seen": ROWS[SEEN & TESTED],
    "test_unseen": ROWS[~SEEN],
    "train": ROWS[(LABELS < 2) & ~TESTED],
    "val": ROWS[(LABELS >= 2) & SEEN & ~TESTED],
}
PLAN = {
    "seen": list(NAMES[:4]),
    "unseen": list(NAMES[4:]),
    "val": list(NAMES[2:4]),
    "train": SPLITS["trainval"].tolist(),
    "test": SPLITS["test_seen"].tolist(),
}


def save(path: Path, content: Mapping[str, Any]) -> Path:
    """Write arrays, and lists of text, by name, in the format of the suffix."""
    suffix = path.suffix
    if suffix == ".npy":
        np.save(path, next(iter(content.values())))
    elif suffix == ".npz":
        np.savez(path, **{key: np.asarray(value) for key, value in content.items()})
    elif suffix == ".pt":
        torch.save({key: _tensor(value) for key, value in content.items()}, path)
    elif suffix == ".safetensors":
        texts = {key: json.dumps(list(value)) for key, value in content.items() if _is_text(value)}
        save_file({k: torch.from_numpy(np.array(v)) for k, v in content.items() if k not in texts}, path, texts)
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            for key, value in content.items():
                file[key] = list(value) if _is_text(value) else value
    return path


def table(path: Path, heading: Sequence[str], columns: Sequence[Sequence[Any] | Array]) -> Path:
    """Write a table in the format of the suffix."""
    if path.suffix == ".parquet":
        parquet.write_table(pa.table([pa.array(list(column)) for column in columns], names=list(heading)), path)
        return path
    separator = {".tsv": "\t", ".txt": "|"}.get(path.suffix, ",")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(heading)
        writer.writerows([[_cell(value) for value in row] for row in zip(*columns, strict=True)])
    return path


def embeddings(path: Path, order: Sequence[int], by: str = "names") -> Path:
    """Write φ and the names of its rows, both in another order."""
    names, phi = [NAMES[i] for i in order], PHI[list(order)]
    if path.suffix in (".csv", ".tsv", ".txt", ".parquet"):
        return table(path, ["class", "a", "b", "c"], [names, *phi.T])
    if by == "names":
        return save(path, {"embeddings": phi, "names": names})
    return save(path, dict(zip(names, phi, strict=True)))


def write(folder: Path) -> dict[str, str]:
    """Write a small data set, and return the keys of ``data`` that read it."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "features.npy", FEATURES)
    save(folder / "labels.npz", {"labels": LABELS, "names": list(NAMES)})
    (folder / "splits.json").write_text(json.dumps(PLAN))
    embeddings(folder / "att.csv", range(len(NAMES)))
    return {
        "features": "features.npy",
        "labels": "labels.npz",
        "splits": "splits.json",
        "class_embeddings": "att.csv",
    }


def overrides(folder: str = "arrays") -> list[str]:
    """Return the command line that trains on the files of `write`."""
    keys = {"features": "features.npy", "labels": "labels.npz", "splits": "splits.json", "class_embeddings": "att.csv"}
    return ["data=arrays", f"data.root={folder}", *(f"data.{key}={value}" for key, value in keys.items())]


Change = Callable[[Path], object]


def _tensor(value: Any) -> Any:
    return list(value) if _is_text(value) else torch.from_numpy(np.array(value))


def _is_text(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "U"


def _cell(value: Any) -> Any:
    return repr(float(value)) if isinstance(value, float | np.floating) else value
