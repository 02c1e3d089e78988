"""Batches: every image once an epoch, an order that (seed, epoch) fixes, and a position that can be restored."""

from __future__ import annotations

from itertools import chain, islice

import torch
from hypothesis import given
from hypothesis import strategies as st

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batches, TrainingSet

CLASSES = LabelSpace(("a",), torch.ones(1, 2), torch.tensor([True]))


def batches(n: int, size: int, seed: int = 0) -> Batches:
    x = torch.arange(n, dtype=torch.float32).unsqueeze(1)
    return Batches(TrainingSet(Examples(x, torch.zeros(n, dtype=torch.long)), CLASSES), size, seed)


def epoch(source: Batches) -> list[list[float]]:
    return [batch.x.squeeze(1).tolist() for batch in source]


@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 5))
def test_an_epoch_shows_every_image_once(n: int, size: int, seed: int) -> None:
    source = batches(n, size, seed)
    found = epoch(source)
    assert len(found) == len(source) == -(-n // size)
    assert sorted(chain.from_iterable(found)) == list(range(n))
    assert all(len(batch) == size for batch in found[:-1])


def test_order_is_fixed_by_seed_and_epoch() -> None:
    one, same, other = batches(20, 6, 1), batches(20, 6, 1), batches(20, 6, 2)
    first, second = epoch(one), epoch(one)
    assert [first, second] == [epoch(same), epoch(same)]
    assert first != second
    assert first != epoch(other)


@given(st.integers(1, 25), st.integers(1, 9), st.integers(0, 30))
def test_a_restored_position_goes_on_with_the_same_batches(n: int, size: int, taken: int) -> None:
    def endless(source: Batches) -> object:
        while True:
            yield from epoch_batches(source)

    def epoch_batches(source: Batches) -> object:
        return (batch.x.squeeze(1).tolist() for batch in source)

    one = batches(n, size)
    stream = endless(one)
    list(islice(stream, taken))  # type: ignore[call-overload]
    other = batches(n, size)
    other.load_state_dict(one.state_dict())
    assert list(islice(endless(other), 7)) == list(islice(stream, 7))  # type: ignore[call-overload]
