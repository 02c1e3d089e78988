"""Forward passes have one size, whatever is encoded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zsl.backbones import passes
from zsl.backbones.passes import batch_size, in_passes


@given(st.integers(1, 20), st.integers(1, 9), st.sampled_from(["uint8", "float32"]))
def test_every_pass_has_the_size_and_rows_stay_in_order(n: int, size: int, dtype: str) -> None:
    sizes = []

    def forward(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return x.flatten(1).double() * 2

    pixels = [np.full((2, 3), i, dtype) for i in range(n)]
    found = in_passes(forward, pixels, size)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.repeat(2.0 * np.arange(n), 6).reshape(n, 6))
    assert sizes == [size] * -(-n // size)


@pytest.mark.parametrize(("fits", "found"), [(1000, 256), (256, 256), (255, 128), (3, 2), (1, 1)])
def test_the_largest_power_of_two_that_fits_is_found(monkeypatch: pytest.MonkeyPatch, fits: int, found: int) -> None:
    def run(_: object, size: int, *__: object) -> None:
        if size > fits:
            raise torch.OutOfMemoryError

    monkeypatch.setattr(passes, "_pass", run)
    assert batch_size(lambda x: x, np.zeros(1), "cuda") == found
    assert batch_size(lambda x: x, np.zeros(1), "cpu") == passes.BATCH


def test_where_nothing_fits_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(passes, "_pass", run)
    with pytest.raises(torch.OutOfMemoryError):
        batch_size(lambda x: x, np.zeros(1), "cuda")
