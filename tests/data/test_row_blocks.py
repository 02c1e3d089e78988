"""Rows of several arrays are those of their concatenation, however they are indexed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zsl.data.fingerprint import sha256
from zsl.data.row_blocks import RowBlocks

COUNTS = st.lists(st.integers(0, 4), min_size=1, max_size=5)


def blocks(counts: list[int], width: int = 3) -> tuple[RowBlocks, np.ndarray]:
    whole = np.arange(sum(counts) * width, dtype=np.float32).reshape(-1, width)
    return RowBlocks(np.split(whole, np.cumsum(counts)[:-1])), whole


@given(COUNTS, st.slices(20))
def test_slices(counts: list[int], index: slice) -> None:
    rows, whole = blocks(counts)
    np.testing.assert_array_equal(rows[index], whole[index])
    assert rows[index].shape == whole[index].shape


@given(COUNTS.filter(sum), st.data())
def test_row_numbers_masks_and_single_rows(counts: list[int], data: st.DataObject) -> None:
    rows, whole = blocks(counts)
    n = len(whole)
    shape = data.draw(hnp.array_shapes(max_dims=2, min_side=0, max_side=5))
    index = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(-n, n - 1)))
    np.testing.assert_array_equal(rows[index], whole[index])
    np.testing.assert_array_equal(rows[index.ravel().tolist()], whole[index.ravel()])
    mask = data.draw(hnp.arrays(np.bool_, n))
    np.testing.assert_array_equal(rows[mask], whole[mask])
    one = data.draw(st.integers(-n, n - 1))
    np.testing.assert_array_equal(rows[one], whole[one])


@given(COUNTS)
def test_the_whole_is_their_concatenation(counts: list[int]) -> None:
    rows, whole = blocks(counts)
    assert (rows.shape, rows.ndim, rows.size, rows.dtype, len(rows)) == (whole.shape, 2, whole.size, "f4", len(whole))
    np.testing.assert_array_equal(np.asarray(rows), whole)
    np.testing.assert_array_equal(np.array(list(rows)).reshape(whole.shape), whole)
    assert sha256(rows) == sha256(whole)


def test_a_slice_within_a_block_is_no_copy() -> None:
    rows, whole = blocks([3, 4])
    assert np.shares_memory(rows[3:6], whole)
    assert not np.shares_memory(rows[2:6], whole)


@pytest.mark.parametrize("index", [7, -8, [0, 7], np.array([0, 7]), np.array([-8]), (slice(2), slice(1)), 1.5])
def test_what_is_out_of_range_or_of_another_axis_is_refused(index: object) -> None:
    with pytest.raises((IndexError, TypeError)):
        blocks([3, 4])[0][index]


@pytest.mark.parametrize(
    "given", [[], [np.zeros((2, 3)), np.zeros((2, 4))], [np.zeros((1, 1)), np.zeros((1, 1), "f4")]]
)
def test_blocks_that_do_not_fit_are_refused(given: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="one dtype and one shape"):
        RowBlocks(given)
