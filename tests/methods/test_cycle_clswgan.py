"""cycle-CLSWGAN: its regressor row by row, its steps in plain torch, and that heads learn from features as they are."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests import worlds
from tests.configured import config
from tests.methods.adversarial import SMALL, assert_same_weights, double, trained
from tests.methods.guided import optimizers, wgan_step
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import Batch
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.regressor import Regressor
from zsl.methods.method import Dimensions
from zsl.testing import check_method

STAGE = final(worlds.source())
DIMS = Dimensions(*STAGE.dims)
SPACE = partial(Regressor, lr=1e-2)


def build(**changes: Any) -> FCLSWGAN:
    torch.manual_seed(1)
    given = {"critic_hidden": 7, "n_critic": 2, "epochs": 2, "beta": 0.0, "space": SPACE, "guidance": 0.5}
    return FCLSWGAN(DIMS, **{**SMALL, **given, **changes})


def slow_loss(space: Regressor, x: Tensor, y: Tensor, classes: LabelSpace) -> Tensor:
    W, b = space.regress.parameters()
    phi = classes.embeddings / (classes.embeddings**2).sum(dim=1, keepdim=True).sqrt()
    return torch.stack([((W @ r + b - phi[c]) ** 2).sum() for r, c in zip(x, y, strict=True)]).mean()


def slow_charge(space: Regressor, fake: Tensor, y: Tensor, classes: LabelSpace, _real: Tensor) -> Tensor:
    return slow_loss(space, fake, y, classes)


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 5), s=st.integers(1, 3), seed=st.integers(0, 99))
def test_the_loss_is_a_squared_distance(n: int, s: int, seed: int) -> None:
    torch.manual_seed(seed)
    space = SPACE(Dimensions(4, 3, s)).double()
    classes = LabelSpace(tuple(map(str, range(s))), torch.randn(s, 3).double(), torch.ones(s, dtype=torch.bool))
    x, y = torch.randn(n, 4).double(), torch.randint(s, (n,))
    expected = pytest.approx(slow_loss(space, x, y, classes).item())
    assert space.loss(Batch(x, y, classes)).item() == expected
    assert space.charge(x, y, classes, x, restored=False).item() == expected


def test_steps_equal_those_of_the_plain_algorithm() -> None:
    model = build().double()
    slow, model, steps = trained(model, double(STAGE.training(model.setting)))
    assert isinstance(slow, FCLSWGAN)
    adams = optimizers(slow)
    for batch, state in steps:
        wgan_step(slow, adams, batch, state, slow_loss, slow_charge)
    assert_same_weights(model, slow)


def test_heads_learn_from_features_as_they_are() -> None:
    model, x = build(), STAGE.held_out.seen().inputs
    assert model.represent(x) is x
    assert model.gzsl_head.V.shape[1] == DIMS.features


def test_the_method_is_a_configuration() -> None:
    node = config("cycle_clswgan")
    assert node.space._target_.endswith("Regressor")
    assert node.guidance == 0.01
    assert node.beta == 1.0


def test_the_space_is_a_method_of_its_own() -> None:
    check_method(Regressor, {"epochs": 3, "batch_size": 16})
