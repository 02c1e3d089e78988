"""Streams of several runs draw what torch's global one draws for each by itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests import worlds
from zsl.data.protocol import final
from zsl.data.training_set import TrainingSet
from zsl.fit import Loop, fit
from zsl.methods.compatibility.ale import ALE
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.model import Dimensions, ZSLModel
from zsl.random_streams import Stream, integers, normal, side_by_side, uniform, watched

SHAPES = st.lists(st.integers(0, 20), min_size=1, max_size=3)


@given(seeds=st.lists(st.integers(0, 2**40), min_size=1, max_size=4), shapes=st.lists(SHAPES, min_size=1, max_size=4))
def test_side_by_side_is_one_after_another(seeds: list[int], shapes: list[list[int]]) -> None:
    like = torch.zeros(1, dtype=torch.float64)

    def draws(*leading: int) -> list[torch.Tensor]:
        found = []
        for shape in shapes:
            size = (*leading, *shape)
            found += [normal(size, like), uniform(size, like.float()), integers(7, size, like.device)]
        return found

    with side_by_side([Stream.of(seed) for seed in seeds]):
        together = draws(len(seeds))
    for place, seed in enumerate(seeds):
        torch.manual_seed(seed)
        for mine, theirs in zip(together, draws(), strict=True):
            assert torch.equal(mine[place], theirs)
            assert mine.dtype == theirs.dtype


def test_a_stream_begins_where_the_global_one_is_and_leaves_it_alone() -> None:
    torch.manual_seed(5)
    torch.rand(3)
    stream = Stream()
    with stream.alone():
        first = torch.randn(4)
    with stream.alone():
        second = torch.rand(4)
    assert torch.equal(torch.randn(4), first)
    assert torch.equal(torch.rand(4), second)


def test_a_stream_goes_on_from_a_state_that_was_kept() -> None:
    stream = Stream.of(2)
    with side_by_side([stream]):
        uniform((1, 5), torch.zeros(1))
        state = stream.state()
        expected = normal((1, 5), torch.zeros(1))
        stream.resume(state)
        assert torch.equal(normal((1, 5), torch.zeros(1)), expected)


def test_after_side_by_side_the_global_stream_is_drawn_from_again() -> None:
    with pytest.raises(ZeroDivisionError), side_by_side([Stream.of(1)]):
        raise ZeroDivisionError
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    assert torch.equal(uniform((2,), expected), expected)


@pytest.mark.parametrize("draw", [lambda: torch.rand(1), lambda: np.random.rand(), random.random])
def test_what_draws_from_a_global_stream_is_noticed(draw: Callable[[], object]) -> None:
    with watched() as draws:
        draw()
    assert draws.any
    with watched() as draws:
        torch.rand(1, generator=torch.Generator().manual_seed(0))
        np.random.default_rng(0).random()
    assert not draws.any


class Restless(ESZSL):
    """A closed form that draws when it is finalized."""

    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        torch.rand(1)


class Headed(ESZSL):
    """A closed form with a part that is trained by gradients, on batches that are drawn."""

    def heads(self, train: TrainingSet) -> Iterable[tuple[ZSLModel, TrainingSet]]:
        yield ALE(self.dims, epochs=1), train


@pytest.mark.parametrize(("kind", "deterministic"), [(ESZSL, True), (Restless, False), (Headed, False)])
def test_a_closed_form_that_draws_somewhere_says_so(kind: type[ESZSL], deterministic: bool) -> None:
    stage = final(worlds.source())
    model = kind(Dimensions(*stage.dims))
    model.dims = Dimensions(*stage.dims)
    fit(model, stage.training(model.setting), Loop(progress_bar=False), 0)
    assert model.deterministic == deterministic
