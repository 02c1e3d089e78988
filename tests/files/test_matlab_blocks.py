"""Matrices of MATLAB files read block by block are those read at once, and no block is large."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st

from zsl.errors import InputError
from zsl.files import matlab

ROWS, LARGEST = 5, 40


@given(st.integers(1, 23), st.integers(1, 9), st.booleans(), st.integers(1, 23), st.integers(1, 9), st.booleans())
def test_blocks_are_the_rows(rows: int, d: int, images_last: bool, wide: int, high: int, hdf5: bool) -> None:
    x = np.arange(rows * d, dtype=np.float32).reshape(rows, d)
    stored = x.T if images_last else x  # axes as MATLAB shows them
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(matlab, "ROWS", ROWS)
        patch.setattr(matlab, "LARGEST_BLOCK", LARGEST)
        file = Path(folder) / "features.mat"
        if hdf5:
            chunks = tuple(min(a, b) for a, b in zip((wide, high), stored.T.shape, strict=True))
            with h5py.File(file, "w") as content:
                content.create_dataset("features", data=stored.T, chunks=chunks)
        else:
            scipy.io.savemat(str(file), {"features": stored})
        blocks = list(matlab.row_blocks(file, "features", rows))
        assert not list(matlab.row_blocks(file, "other", rows))
        with pytest.raises(InputError, match=f"but there are {rows + d} labels"):
            list(matlab.row_blocks(file, "features", rows + d))
    if rows == d:  # of a square matrix columns are images
        x = stored.T
    np.testing.assert_array_equal(np.concatenate(blocks), x)
    assert max(len(block) for block in blocks) <= max(ROWS, LARGEST // d)


def test_a_damaged_file_is_said_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "features.mat"
    with h5py.File(file, "w") as content:
        content.create_dataset(
            "features", data=np.random.default_rng(0).random((200, 50)), chunks=(10, 50), compression=9
        )
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a readable MATLAB file") as caught:
        list(matlab.row_blocks(file, "features", 200))
    assert "\n" not in str(caught.value)
