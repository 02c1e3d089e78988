"""Memory maps in messages to other processes: names of files, not their values."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from pickle import loads
from typing import Any

import numpy as np
import pytest
import torch

from tests.datasets.test_extracted import store
from tests.datasets.test_image_folder import paint
from zsl.data.reopened import send_maps_by_name
from zsl.data.row_blocks import RowBlocks
from zsl.data.scaling import Scaling
from zsl.data.stored_rows import StoredRows, in_memory
from zsl.features.store import open_store
from zsl.files.array_file import read_array

send_maps_by_name()
X = np.random.default_rng(0).normal(size=(5000, 6)).astype(np.float32)
SMALL = 2000
"""bytes of a message without values"""


def sent(what: Any) -> tuple[Any, int]:
    """What another process makes of a message, and the length of the message."""
    message = bytes(ForkingPickler.dumps(what))
    return loads(message), len(message)


@pytest.fixture
def mapped(tmp_path: Path) -> np.ndarray:
    np.save(tmp_path / "x.npy", X)
    return read_array(tmp_path / "x.npy", mmap_mode="r")


@pytest.mark.parametrize("part", [np.s_[:], np.s_[7:4000], np.s_[4999:], np.s_[3]])
def test_maps_and_parts_of_them_are_opened_again(mapped: np.ndarray, part: Any) -> None:
    found, length = sent(mapped[part])
    np.testing.assert_array_equal(found, X[part])
    assert length < SMALL
    assert not found.flags.writeable


def test_what_is_no_block_of_a_file_is_sent_as_it_is(mapped: np.ndarray, tmp_path: Path) -> None:
    for view in (mapped[:, 1:3], mapped[::2], mapped[:0], mapped.astype(np.float64)):
        found, _ = sent(view)
        np.testing.assert_array_equal(found, np.asarray(view))
    writable = np.memmap(tmp_path / "w", np.float32, "w+", shape=(4, 2))
    writable[:] = 3
    found, _ = sent(writable)
    assert (found == 3).all()


def test_rows_are_read_from_the_file_by_the_other_process(mapped: np.ndarray) -> None:
    at = np.arange(4, 40)
    for features in (mapped, RowBlocks([mapped[:100], mapped[100:]])):
        rows, length = sent(StoredRows(features, at, Scaling("l2")))
        assert length < SMALL + 8 * len(at)
        torch.testing.assert_close(in_memory(rows), in_memory(StoredRows(X, at, Scaling("l2"))))


def test_shards_of_a_store_are_opened_again(tmp_path: Path) -> None:
    for i in range(7):
        paint(tmp_path / "images" / f"{i}.png", 10 * i, 200 - 7 * i)
    features = open_store(store(tmp_path / "images", tmp_path / "store", rows=3)).features
    found, length = sent(features)
    np.testing.assert_array_equal(found[:], features[:])
    assert all(isinstance(block, np.memmap) for block in features.blocks)
    assert length < 3 * SMALL
