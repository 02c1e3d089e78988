"""Hand-made pairs of MATLAB files in both formats, for tests of the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io

CLASSES, PER_CLASS = 6, 5


def content() -> tuple[dict[str, Any], dict[str, Any]]:
    """Six classes of five images; 1 to 4 seen (1, 2 train, 3, 4 validation), 5 and 6 unseen; counted from 1."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(1, CLASSES + 1), PER_CLASS)
    image = np.arange(1, len(labels) + 1)
    rank = (image - 1) % PER_CLASS
    seen = labels <= 4
    att = generator.random((3, CLASSES)) + 0.1
    features = {
        "features": generator.standard_normal((4, len(labels))),
        "labels": labels[:, None].astype(np.float64),
        "image_files": np.array([[f"{i}.jpg"] for i in image], dtype=object),
    }
    splits = {
        "att": att,
        "original_att": 100 * att,
        "allclasses_names": np.array([[f"name {i}"] for i in range(1, CLASSES + 1)], dtype=object),
        "trainval_loc": image[seen & (rank > 0)][:, None].astype(np.uint16),
        "test_seen_loc": image[seen & (rank == 0)][:, None].astype(np.uint16),
        "test_unseen_loc": image[~seen][:, None].astype(np.uint16),
        # as released: train_loc and val_loc also list the images of test_seen_loc
        "train_loc": image[labels <= 2][:, None].astype(np.uint16),
        "val_loc": image[seen & (labels > 2)][:, None].astype(np.uint16),
    }
    return features, splits


def write(folder: Path, features: dict[str, Any], splits: dict[str, Any], version: str = "5") -> Path:
    """Write ``res101.mat`` and ``att_splits.mat`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, arrays in (("res101.mat", features), ("att_splits.mat", splits)):
        (_write_hdf5 if version == "7.3" else scipy.io.savemat)(str(folder / name), arrays)
    return folder


def _write_hdf5(path: str, arrays: dict[str, Any]) -> None:
    """Write a file as MATLAB 7.3: column-major arrays, references to UTF-16 text, a 512-byte header."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            array = np.asarray(array)
            if array.dtype != object:
                file[name] = array.T
                continue
            cells = file.create_dataset(name, array.T.shape, dtype=h5py.ref_dtype)
            for index, text in np.ndenumerate(array.T):
                cell = file.create_dataset(f"#refs#/{name}{index}", data=np.array([[ord(c)] for c in text], np.uint16))
                cells[index] = cell.ref
    with Path(path).open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))
