"""Stored rows: what is read equals what is in memory, and windows divide the rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zsl.data import protocol, scaling, stored_rows
from zsl.data.protocol import final, tune
from zsl.data.row_blocks import RowBlocks
from zsl.data.scaling import FeatureScale, Scaling, fit_scaling
from zsl.data.stored_rows import StoredRows, blocks, each, in_memory
from zsl.errors import InputError
from zsl.methods.closed_form.moments import class_sums, gram, gram_and_class_sums
from zsl.testing.worlds import source

SCALES: tuple[FeatureScale, ...] = ("none", "l2", "sqrt_l2", "standard", "minmax")


def features(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)


def divided(x: np.ndarray, cut: int) -> RowBlocks:
    return RowBlocks([x[:cut], x[cut:]])


@given(st.integers(2, 30), st.integers(0, 30), st.sampled_from(SCALES), st.integers(0, 99), st.integers(1, 8))
def test_reading_equals_memory(n: int, cut: int, kind: FeatureScale, seed: int, size: int) -> None:
    x = features(n, seed)
    rng = np.random.default_rng(seed)
    at = rng.permutation(n)[: rng.integers(1, n + 1)]
    fitted = fit_scaling(kind, x, at)
    expected = torch.from_numpy(fitted(x[at]))
    rows = StoredRows(divided(x, min(cut, n)), at, fitted)
    assert (rows.shape, rows.dtype, len(rows)) == (expected.shape, expected.dtype, len(expected))
    index = torch.from_numpy(rng.integers(0, len(at), size=(2, 3)))
    torch.testing.assert_close(rows[index], expected[index], rtol=0, atol=0)
    torch.testing.assert_close(rows[1:5], expected[1:5], rtol=0, atol=0)
    torch.testing.assert_close(torch.cat(list(blocks(rows, size))), expected, rtol=0, atol=0)
    torch.testing.assert_close(in_memory(rows), expected, rtol=0, atol=0)
    torch.testing.assert_close(each(lambda part: 2 * part[:, :2], rows), 2 * expected[:, :2], rtol=0, atol=0)


@given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 9), st.integers(1, 90), st.integers(0, 5))
def test_windows_hold_every_row_once(n: int, chunk: int, batch: int, window: int, seed: int) -> None:
    rows = StoredRows(features(n), np.arange(n), Scaling("none"), chunk=chunk, window=window)
    found = rows.windows(batch, seed)
    assert torch.cat(list(found)).sort().values.tolist() == list(range(n))
    assert all(len(part) % batch == 0 for part in found[:-1])
    assert all(len(part) <= max(batch, window // 12) for part in found)
    assert [part.tolist() for part in found] == [part.tolist() for part in rows.windows(batch, seed)]


@given(st.integers(2, 40), st.integers(1, 30), st.sampled_from(["standard", "minmax"]), st.integers(0, 50))
def test_a_scaling_fitted_in_blocks_is_that_of_all_rows(n: int, numbers: int, kind: FeatureScale, seed: int) -> None:
    x = features(n, seed) + 5
    whole = fit_scaling(kind, x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaling, "NUMBERS", numbers)
        parts = fit_scaling(kind, divided(x, n // 2))
    np.testing.assert_allclose(parts.shift, whole.shift, rtol=1e-6)
    np.testing.assert_allclose(parts.width, whole.width, rtol=1e-6)


def test_moments_of_stored_rows_are_those_of_memory_and_read_once() -> None:
    x, labels = features(9000), torch.arange(9000) % 4
    held = torch.from_numpy(x)

    class Counted(StoredRows):
        read = 0

        def _read(self, at: np.ndarray) -> np.ndarray:
            Counted.read += len(at)
            return super()._read(at)

    rows = Counted(x, np.arange(9000), Scaling("none"))
    A, sums = gram_and_class_sums(rows, labels, 4)
    assert Counted.read == 9000
    torch.testing.assert_close(gram(rows), gram(held), rtol=0, atol=0)
    assert Counted.read == 9000
    torch.testing.assert_close(A, gram(held), rtol=0, atol=0)
    torch.testing.assert_close(sums, class_sums(held, labels, 4), rtol=0, atol=0)


@pytest.mark.parametrize("scale", SCALES)
def test_a_stage_of_large_data_is_stored_and_the_same(scale: FeatureScale, monkeypatch: pytest.MonkeyPatch) -> None:
    data = replace(source(), feature_scale=scale)
    held = [stage(data) for stage in (tune, final)]
    monkeypatch.setattr(protocol, "IN_MEMORY", 0)
    for one, stage in zip(held, (tune, final), strict=True):
        other = stage(data)
        mine, theirs = (each.training(protocol.Setting.INDUCTIVE).examples for each in (one, other))
        assert isinstance(theirs.inputs, StoredRows)
        torch.testing.assert_close(mine.tensor, theirs.tensor, rtol=0, atol=0)
        torch.testing.assert_close(one.held_out.unseen().tensor, other.held_out.unseen().tensor, rtol=0, atol=0)
        assert other.held_out.load() is other.held_out
        assert (one.dims, other.version) == (other.dims, 0)


def test_what_does_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", features(50))
    monkeypatch.setattr(stored_rows, "machine_memory", lambda: 100)
    rows = StoredRows(np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(50), Scaling("none"))
    with pytest.raises(InputError, match=r"method: needs 0\.0 GB .*; choose a method that reads them in blocks"):
        in_memory(rows)
    assert len(rows[:4]) == 4
