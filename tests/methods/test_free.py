"""FREE: its losses row by row, its steps in plain torch, and its space with other generators."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import leaky_relu

from tests import worlds
from tests.configured import config
from tests.methods.adversarial import LOOP, SMALL, assert_resumes, assert_same_weights, double, trained
from tests.methods.guided import optimizers, vaegan_step
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import Batch
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.fvaegan_d2 import FVAEGAND2
from zsl.methods.generative.losses import centre_margin
from zsl.methods.generative.refinement import Refinement
from zsl.methods.method import Dimensions
from zsl.testing import check_method
from zsl.training.fit import fit

STAGE = final(worlds.source())
DIMS = Dimensions(*STAGE.dims)
SPACE = partial(Refinement, hidden=7, margin=3.0, balance=0.7, centre=0.4, recons=0.3, lr=1e-2, epochs=2, batch_size=16)


def build(nearest: bool = False, **changes: Any) -> FVAEGAND2:
    torch.manual_seed(1)
    given = {"critic_hidden": 7, "n_critic": 2, "epochs": 2, "adaptive": True, "guidance": 0.5}
    return FVAEGAND2(DIMS, **{**SMALL, **given, "space": partial(SPACE, nearest=nearest), **changes})


def refined(space: Refinement, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """h, μ and σ of one image."""
    W1, b1, W2, b2 = space.layers.parameters()
    h = leaky_relu(W1 @ x + b1, 0.2)
    out = W2 @ h + b2
    k = len(out) // 2
    return h, out[:k], 1 / (1 + (-out[k:]).exp())


def cycle(space: Refinement, x: Tensor, phi: Tensor, epsilon: Tensor) -> Tensor:
    """R(φ̂, φ) of one image."""
    _, mu, sigma = refined(space, x)
    e = mu + sigma * epsilon
    delta = e / e.square().sum().sqrt() - phi / phi.square().sum().sqrt()
    return delta.abs().pow(3).sum() / delta.square().sum().sqrt()


def slow_loss(space: Refinement, x: Tensor, y: Tensor, classes: LabelSpace) -> Tensor:
    s = len(classes)
    steps = torch.zeros_like(y) if space.nearest and s > 1 else 1 + torch.randint(max(s - 1, 1), y.shape)
    epsilon = torch.randn(len(x), classes.embeddings.shape[1], dtype=x.dtype)
    total = torch.zeros((), dtype=x.dtype)
    for row, label, step, e in zip(x, y.tolist(), steps.tolist(), epsilon, strict=True):
        mu = refined(space, row)[1]
        distance = [(mu - c).square().sum() for c in space.centres]
        others = [d for c, d in enumerate(distance) if c != label]
        other = min(others) if space.nearest and others else distance[(label + step) % s]  # type: ignore[type-var]
        near = (space.margin + space.balance * distance[label] - (1 - space.balance) * other).clamp(min=0)
        total = total + space.centre * near + space.recons * cycle(space, row, classes.embeddings[label], e)
    return total / len(x)


def slow_charge(space: Refinement, fake: Tensor, y: Tensor, classes: LabelSpace, _real: Tensor) -> Tensor:
    epsilon = torch.randn(len(fake), classes.embeddings.shape[1], dtype=fake.dtype)
    rows = zip(fake, classes.embeddings[y], epsilon, strict=True)
    return torch.stack([cycle(space, x, phi, e) for x, phi, e in rows]).mean()


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 5), s=st.integers(1, 4), nearest=st.booleans(), seed=st.integers(0, 99))
def test_the_losses_are_those_of_the_paper_row_by_row(n: int, s: int, nearest: bool, seed: int) -> None:
    torch.manual_seed(seed)
    space = SPACE(Dimensions(4, 3, s), nearest=nearest).double()
    for parameter in space.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    phi, seen = torch.randn(s, 3).double(), torch.ones(s, dtype=torch.bool)
    classes = LabelSpace(tuple(map(str, range(s))), phi, seen)
    x, y = torch.randn(n, 4).double(), torch.randint(s, (n,))
    state = torch.get_rng_state()
    found = space.loss(Batch(x, y, classes)).item(), space.charge(x, y, classes, x, restored=False).item()
    torch.set_rng_state(state)
    expected = slow_loss(space, x, y, classes).item(), slow_charge(space, x, y, classes, x).item()
    assert found == pytest.approx(expected)


def test_the_other_class_is_never_the_own_and_each_as_often() -> None:
    """With margin and weights such that the loss is the distance to the other centre alone."""
    torch.manual_seed(0)
    centres = torch.tensor([[0.0], [1.0], [2.0], [3.0]]).double()
    found = []
    for _ in range(600):
        at = torch.randint(4, (1,))
        loss = 20 - centre_margin(centres[at], at, centres, 20.0, 0.0, nearest=False)
        found.append((at.item(), round(at.item() + loss.item() ** 0.5), round(at.item() - loss.item() ** 0.5)))
        assert loss > 0.5
    assert {abs(a - b) for a, b, _ in found} == {1, 2, 3}


@pytest.mark.parametrize("nearest", [False, True])
def test_steps_equal_those_of_the_plain_algorithm(nearest: bool) -> None:
    model = build(nearest).double()
    slow, model, steps = trained(model, double(STAGE.training(model.setting)))
    assert isinstance(slow, FVAEGAND2)
    adams = optimizers(slow)
    for batch, state in steps:
        vaegan_step(slow, adams, batch, state, slow_loss, slow_charge)
    assert_same_weights(model, slow)


def test_heads_learn_from_features_the_hidden_layer_and_the_description() -> None:
    model, x = build(), STAGE.held_out.unseen().inputs
    assert isinstance(model.space, Refinement)
    rows = [refined(model.space, row) for row in x]
    expected = torch.stack([torch.cat([row, h, mu / mu.norm()]) for row, (h, mu, _) in zip(x, rows, strict=True)])
    torch.testing.assert_close(model.represent(x), expected)
    assert model.gzsl_head.V.shape[1] == expected.shape[1] == model.space.width


def test_the_space_can_be_trained_before_another_generator() -> None:
    torch.manual_seed(1)
    model = FCLSWGAN(DIMS, **{**SMALL, "space": SPACE, "epochs": 1, "critic_hidden": 7})
    before = model.space.centres.clone()  # type: ignore[operator]
    fit(model, STAGE.training(model.setting), LOOP, 0)
    assert not torch.equal(model.space.centres, before)  # type: ignore[arg-type]
    assert model.gzsl_head.V.shape[1] == model.space.width


def test_the_method_is_a_configuration() -> None:
    node = config("free")
    assert node.space._target_.endswith("Refinement")
    assert node.guidance == 0.001
    assert node.adaptive
    assert node.n_critic == 1


def test_a_resumed_training_is_bit_identical(tmp_path: Any) -> None:
    assert_resumes(build, STAGE, tmp_path, 3)


def test_the_space_is_a_method_of_its_own() -> None:
    check_method(Refinement, {"hidden": 8, "epochs": 3, "batch_size": 16})
