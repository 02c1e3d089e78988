"""Batches: every image once an epoch, an order that (seed, epoch) fixes, and a position that can be restored."""

from __future__ import annotations

from itertools import chain, islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.scaling import Scaling
from zsl.data.stored_rows import StoredRows
from zsl.data.training_set import Batches, TrainingSet

CLASSES = LabelSpace(("a",), torch.ones(1, 2), torch.tensor([True]))


def batches(n: int, size: int, seed: int = 0, stored: bool = False) -> Batches:
    x: torch.Tensor | StoredRows = torch.arange(n, dtype=torch.float32).unsqueeze(1)
    if stored:
        x = StoredRows(x.numpy(), np.arange(n), Scaling("none"), chunk=12, window=32)
    return Batches(TrainingSet(Examples(x, torch.zeros(n, dtype=torch.long)), CLASSES), size, seed)


def epoch(source: Batches) -> list[list[float]]:
    return [batch.x.squeeze(1).tolist() for batch in source]


@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 5), st.booleans())
def test_an_epoch_shows_every_image_once(n: int, size: int, seed: int, stored: bool) -> None:
    source = batches(n, size, seed, stored)
    found = epoch(source)
    assert len(found) == len(source) == -(-n // size)
    assert sorted(chain.from_iterable(found)) == list(range(n))
    assert all(len(batch) == size for batch in found[:-1])


@pytest.mark.parametrize("stored", [False, True])
def test_order_is_fixed_by_seed_and_epoch(stored: bool) -> None:
    one, same, other = (batches(20, 6, seed, stored) for seed in (1, 1, 2))
    first, second = epoch(one), epoch(one)
    assert [first, second] == [epoch(same), epoch(same)]
    assert first != second
    assert first != epoch(other)


@given(st.integers(1, 25), st.integers(1, 9), st.integers(0, 30), st.booleans())
def test_a_restored_position_goes_on_with_the_same_batches(n: int, size: int, taken: int, stored: bool) -> None:
    def endless(source: Batches) -> object:
        while True:
            yield from epoch_batches(source)

    def epoch_batches(source: Batches) -> object:
        return (batch.x.squeeze(1).tolist() for batch in source)

    one = batches(n, size, stored=stored)
    stream = endless(one)
    list(islice(stream, taken))  # type: ignore[call-overload]
    other = batches(n, size, stored=stored)
    other.load_state_dict(one.state_dict())
    assert list(islice(endless(other), 7)) == list(islice(stream, 7))  # type: ignore[call-overload]
