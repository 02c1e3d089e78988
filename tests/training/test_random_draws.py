"""Random draws of a run are detected, and recorded."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch

from tests import worlds
from zsl.data.protocol import final
from zsl.data.training_set import TrainingSet
from zsl.methods.compatibility.ale import ALE
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.method import Dimensions, ZSLModel
from zsl.training.fit import fit
from zsl.training.loop import Loop
from zsl.training.random_draws import detect_random_draws


@pytest.mark.parametrize("draw", [lambda: torch.rand(1), lambda: np.random.rand(), random.random])
def test_what_draws_from_a_global_stream_is_noticed(draw: Callable[[], object]) -> None:
    with detect_random_draws() as draws:
        draw()
    assert draws.any
    with detect_random_draws() as draws:
        torch.rand(1, generator=torch.Generator().manual_seed(0))
        np.random.default_rng(0).random()
    assert not draws.any


class RandomFinalize(ESZSL):
    """A closed form that draws when it is finalized."""

    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        torch.rand(1)


class RandomHead(ESZSL):
    """A closed form with a part that is trained by gradients, on batches that are drawn."""

    def heads(self, train: TrainingSet) -> Iterable[tuple[ZSLModel, TrainingSet]]:
        yield ALE(self.dims, epochs=1), train


@pytest.mark.parametrize(("kind", "deterministic"), [(ESZSL, True), (RandomFinalize, False), (RandomHead, False)])
def test_a_closed_form_that_draws_somewhere_says_so(kind: type[ESZSL], deterministic: bool) -> None:
    stage = final(worlds.source())
    model = kind(Dimensions(*stage.dims))
    model.dims = Dimensions(*stage.dims)
    fit(model, stage.training(model.setting), Loop(progress_bar=False), 0)
    assert model.deterministic == deterministic
