"""A damaged or ambiguous file of numbers is refused in one line, and never read as something else."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from zsl.api.retrieval import retrieve
from zsl.class_embeddings.attributes import Attributes
from zsl.data.class_names import read_names
from zsl.data.class_rows import read_rows
from zsl.data.dataset import ClassDescriptions
from zsl.datasets.image_folder_attributes import read_attributes
from zsl.datasets.imagenet_classes import read_class_sets
from zsl.errors import InputError
from zsl.files import matlab73
from zsl.files.named_arrays import open_arrays
from zsl.files.table import read_table


def partly_written(path: Path) -> None:
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", (100, 4), chunks=(10, 4), dtype=np.float32)
        x[:50] = 1


def with_a_flipped_bit(path: Path) -> None:
    torch.save({"x": torch.full((7,), 1.0)}, path)
    content = path.read_bytes()
    path.write_bytes(content.replace(torch.full((7,), 1.0).numpy().tobytes(), torch.full((7,), 1.25).numpy().tobytes()))


def with_an_array_twice(path: Path) -> None:
    np.savez(path, x=np.zeros(3))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", archive.read("x.npy"))


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("x.h5", partly_written, "was not written to its end"),
        ("x.pt", with_a_flipped_bit, "does not match its checksum"),
        ("x.npz", with_an_array_twice, "two arrays of one name"),
    ],
)
def test_arrays(tmp_path: Path, name: str, write: Callable[[Path], None], reason: str) -> None:
    write(tmp_path / name)
    with pytest.raises(InputError, match=reason):
        open_arrays(tmp_path / name, "x")["x"]


def test_whole_chunked_arrays_are_read(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(25, 3))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(10, 2), compression="gzip")
        file.create_dataset("none", (0, 3), np.float64, maxshape=(None, 3), chunks=(10, 3))
    arrays = open_arrays(tmp_path / "x.h5", "x")
    assert np.array_equal(arrays["x"], x)
    assert arrays["none"].shape == (0, 3)


def test_a_matrix_that_is_marked_as_empty_is_not_one_of_zeros(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file.create_dataset("x", data=np.array([4, 3], dtype=np.uint64)).attrs["MATLAB_empty"] = 1
    with pytest.raises(InputError, match="marked as empty and is not"):
        matlab73.read(tmp_path / "x.mat", ["x"])


@pytest.mark.parametrize("heading", ["class,,b", "class,__index_level_0__,b"])
def test_numbers_of_rows_are_no_dimension_of_a_description(tmp_path: Path, heading: str) -> None:
    (tmp_path / "phi.csv").write_text(f"{heading}\nant,0,1\nbee,1,3\n")
    with pytest.raises(InputError, match="looks like numbers of rows"):
        read_rows(tmp_path / "phi.csv", "labels", "", None, "labels")


def test_digits_with_underscores_are_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "phi.csv").write_text("class,a\nant,1_5\nbee,2\n")
    with pytest.raises(InputError, match="'1_5'"):
        read_table(tmp_path / "phi.csv", "phi").numbers(["a"])
    with pytest.raises(InputError, match="'1_5'"):
        read_attributes(tmp_path / "phi.csv", ("ant", "bee"))


@pytest.mark.parametrize("lines", ["2 cat\n3 dog\n1 owl\n", "0 cat\n1 dog\n"])
def test_names_that_are_numbered_otherwise_are_refused(tmp_path: Path, lines: str) -> None:
    (tmp_path / "names.txt").write_text(lines)
    with pytest.raises(InputError, match=r"line 1 is .*; number lines from 1 in order, or none"):
        read_names(tmp_path / "names.txt")


def test_attributes_that_are_not_finite_are_not_made_binary() -> None:
    attributes = np.array([[1.0, 2.0], [np.nan, 0.0]])
    known, other = (ClassDescriptions(("ant",), {"original_att": row[None]}) for row in attributes)
    with pytest.raises(InputError, match="not finite"):
        Attributes(kind="binary").fit(other)
    with pytest.raises(InputError, match="not finite"):
        Attributes(kind="binary").fit(known)(other)


def test_texts_of_rows_that_no_image_has_are_refused() -> None:
    x = np.eye(3)
    assert retrieve(x, x, text_groups=[0, 1, 2])["image→text"]["R@1"] == 100
    with pytest.raises(InputError, match="text_groups: 3 is no row of an image; count rows from 0 to 2"):
        retrieve(x, x, text_groups=[1, 2, 3])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (json.dumps({"train": ["n00000001"], "val": ["n00000002"]}), "val has classes that are not in train"),
        ('{"train": ["n00000001"], "train": ["n00000002"]}', "occurs twice"),
    ],
)
def test_lists_of_classes_that_contradict_themselves_are_refused(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "splits.json").write_text(content)
    with pytest.raises(InputError, match=reason):
        read_class_sets(tmp_path / "splits.json", {"n00000001": 0, "n00000002": 1})
