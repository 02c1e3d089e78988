"""Array files: valid arrays are read unchanged, and invalid files are refused before memory is allocated."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy import ndarray as Array

from zsl.files.array_file import ArrayFileError, read_archive, read_array

NUMBERS = st.sampled_from([np.bool_, np.int8, np.uint16, np.int64, np.float16, np.float32, np.float64])
ARRAYS = hnp.arrays(NUMBERS, hnp.array_shapes(min_dims=0, min_side=0))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arrays")


@given(ARRAYS, st.booleans())
def test_an_array_comes_back_as_numpy_reads_it(place: Path, array: Array, fortran: bool) -> None:
    np.save(place / "a.npy", np.asfortranarray(array) if fortran and array.ndim else array)
    np.savez_compressed(place / "a.npz", one=array, other=np.zeros(3))
    for found in (
        read_array(place / "a.npy"),
        read_array(place / "a.npy", mmap_mode="r"),
        read_archive(place / "a.npz", ["one"])["one"],
    ):
        assert found.dtype == array.dtype
        assert found.shape == array.shape
        np.testing.assert_array_equal(found, array)


@given(st.data())
def test_whatever_is_spoiled_there_is_an_array_of_that_size_or_an_error(place: Path, data: st.DataObject) -> None:
    path, whole = place / "spoiled.npy", io.BytesIO()
    np.save(whole, np.arange(6.0).reshape(2, 3))
    content = bytearray(whole.getvalue())
    for position in data.draw(st.lists(st.integers(0, 127), min_size=1, max_size=6)):
        content[position] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    path.write_bytes(content)
    try:
        found = read_array(path)
    except ArrayFileError:
        return
    assert found.nbytes == len(content) - 128 <= 48


@given(st.integers(-48, 48).filter(bool))
def test_a_file_that_holds_less_or_more_than_its_header_says_is_refused(place: Path, more: int) -> None:
    np.save(place / "whole.npy", np.arange(6.0).reshape(2, 3))
    content = (place / "whole.npy").read_bytes()
    (place / "other.npy").write_bytes(content[:more] if more < 0 else content + bytes(more))
    for mode in (None, "r"):
        with pytest.raises(ArrayFileError, match=f"its header says 48 bytes, the file holds {48 + more} bytes"):
            read_array(place / "other.npy", mode)
    with zipfile.ZipFile(place / "other.npz", "w") as archive:
        archive.write(place / "other.npy", "a.npy")
    with pytest.raises(ArrayFileError, match=f"says 48 bytes, there are {48 + more} bytes"):
        read_archive(place / "other.npz", ["a"])


@given(st.data())
def test_the_same_of_archives(place: Path, data: st.DataObject) -> None:
    path, whole = place / "spoiled.npz", io.BytesIO()
    np.savez_compressed(whole, a=np.arange(6.0).reshape(2, 3))
    content = bytearray(whole.getvalue())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=6)):
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        found = read_archive(path, ["a"])["a"]
    except ArrayFileError:
        return
    assert found.nbytes <= 48


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, make: object) -> None:
    make(tmp_path / "a")  # type: ignore[operator]
    for read in (read_array, lambda path: read_archive(path, ["a"])):
        with pytest.raises((ArrayFileError, IsADirectoryError)):
            read(tmp_path / "a")


def test_an_archive_whose_member_claims_more_than_it_can_hold(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", header.getvalue() + bytes(64))
        archive.writestr("b.npy", bytes(10**6))
    with pytest.raises(ArrayFileError, match="8 TiB"):
        read_archive(tmp_path / "a.npz", ["a"])
    with pytest.raises(ArrayFileError, match=r"not a \.npy file"):
        read_archive(tmp_path / "a.npz", ["b"])
    with pytest.raises(ArrayFileError, match="no array 'c'"):
        read_archive(tmp_path / "a.npz", ["c"])
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(ArrayFileError, match="not an archive"):
        read_archive(tmp_path / "a.npz", ["a"])


def test_text_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", names=np.array(["é", "b"]), objects=np.array([{}], dtype=object))
    assert read_archive(tmp_path / "a.npz", ["names"], "biufU")["names"].tolist() == ["é", "b"]
    for name in ("names", "objects"):
        with pytest.raises(ArrayFileError, match="not real numbers"):
            read_archive(tmp_path / "a.npz", [name])
