"""SDGZSL: the terms of its space row by row, who learns from which of them, and its steps in plain torch."""

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
from tests.methods import guided
from tests.methods.adversarial import SMALL, adam, assert_resumes, assert_same_weights, double, trained
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import Batch
from zsl.methods.generative.disentangling import Disentangling
from zsl.methods.generative.fvaegan_d2 import FVAEGAND2
from zsl.methods.method import Dimensions
from zsl.testing import check_method

STAGE = final(worlds.source())
DIMS = Dimensions(*STAGE.dims)
SPACE = partial(
    Disentangling,
    semantic_hidden=5,
    relation_hidden=6,
    relation=2.0,
    correlation=0.4,
    discriminator=0.7,
    lr=1e-2,
    epochs=2,
)


def build(**changes: Any) -> FVAEGAND2:
    torch.manual_seed(1)
    given = {"n_critic": 1, "epochs": 3, "gamma": 0.0, "noise": 3, "guidance": 0.5, "space": SPACE}
    return FVAEGAND2(DIMS, **{**SMALL, **given, **changes})


def logit(space: Disentangling, h: Tensor) -> Tensor:
    """The log odds of D."""
    w, c = space.D.parameters()
    return (w @ h + c)[0]


def terms(space: Disentangling, x: Tensor, target: Tensor, label: int, classes: LabelSpace) -> Tensor:
    """The first three terms of one image, without gradients for D."""
    A, a = space.encoder.parameters()
    B1, b1, B2, b2 = space.decoder.parameters()
    R1, r1, R2, r2 = space.relate.parameters()
    h = leaky_relu(A @ x + a, 0.2)
    rebuilt = B2 @ leaky_relu(B1 @ h + b1, 0.2) + b2
    related = torch.zeros((), dtype=x.dtype)
    for c, phi in enumerate(classes.embeddings):
        value = (R2 @ (R1 @ torch.cat([h[:5], space.phi_scale * phi]) + r1).clamp(min=0) + r2)[0]
        related = related + (1 / (1 + (-value).exp()) - float(c == label)) ** 2 / len(classes)
    w, c = (part.detach() for part in space.D.parameters())
    D = 1 / (1 + (-(w @ h + c)[0]).exp())
    misfit = ((rebuilt - target) ** 2).sum() / len(x)
    return misfit + space.relation * related + space.correlation * (D.log() - (1 - D).log())


def slow_loss(space: Disentangling, x: Tensor, y: Tensor, classes: LabelSpace) -> Tensor:
    A, a = space.encoder.parameters()
    h = [leaky_relu(A @ row + a, 0.2).detach() for row in x]
    order = torch.randperm(len(x)).tolist()
    told = torch.zeros((), dtype=x.dtype)
    for own, other in zip(h, (h[i] for i in order), strict=True):
        joint = 1 / (1 + (-logit(space, own)).exp())
        apart = 1 / (1 + (-logit(space, torch.cat([own[:5], other[5:]]))).exp())
        told = told - joint.log() - (1 - apart).log()
    return slow_charge(space, x, y, classes, x) + space.discriminator * told / len(x)


def slow_charge(space: Disentangling, fake: Tensor, y: Tensor, classes: LabelSpace, real: Tensor) -> Tensor:
    rows = zip(fake, real, y.tolist(), strict=True)
    return torch.stack([terms(space, x, target, label, classes) for x, target, label in rows]).mean()


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 5), s=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_terms_are_those_of_the_paper_row_by_row(n: int, s: int, seed: int) -> None:
    torch.manual_seed(seed)
    space = SPACE(Dimensions(4, 3, s)).double()
    for parameter in space.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    classes = LabelSpace(tuple(map(str, range(s))), torch.randn(s, 3).double(), torch.ones(s, dtype=torch.bool))
    space.weigh_descriptions(classes)
    assert (space.phi_scale * classes.embeddings).square().sum(dim=1).mean().item() == pytest.approx(1)
    x, fake, y = torch.randn(n, 4).double(), torch.randn(n, 4).double(), torch.randint(s, (n,))
    state, weights = torch.get_rng_state(), list(space.parameters())
    found = space.loss(Batch(x, y, classes)), space.charge(fake, y, classes, x, restored=True)
    torch.set_rng_state(state)
    expected = slow_loss(space, x, y, classes), slow_charge(space, fake, y, classes, x)
    for one, other in zip(found, expected, strict=True):
        assert one.item() == pytest.approx(other.item())
        gradients = (torch.autograd.grad(value, weights, allow_unused=True) for value in (one, other))
        for mine, theirs in zip(*gradients, strict=True):
            assert (mine is None) == (theirs is None)
            if mine is not None:
                torch.testing.assert_close(mine, theirs)


def test_a_fake_that_restores_nothing_is_held_against_no_feature() -> None:
    torch.manual_seed(0)
    space, x, fake = SPACE(Dimensions(4, 3, 2)).double(), torch.randn(6, 4).double(), torch.randn(6, 4).double()
    classes = LabelSpace(("a", "b"), torch.randn(2, 3).double(), torch.ones(2, dtype=torch.bool))
    y = torch.tensor([0, 1] * 3)
    charged = [space.charge(fake, y, classes, x, restored=restored) for restored in (True, False)]
    misfit = torch.nn.functional.mse_loss(space.decoder(space.encode(fake)), x)
    torch.testing.assert_close(charged[0] - charged[1], misfit)


def test_the_discriminator_learns_from_its_own_term_alone() -> None:
    space, x = SPACE(Dimensions(4, 3, 2)), torch.randn(6, 4)
    classes = LabelSpace(("a", "b"), torch.randn(2, 3), torch.ones(2, dtype=torch.bool))
    space.charge(x, torch.tensor([0, 1] * 3), classes, x, restored=True).backward()
    assert all(p.grad is None for p in space.D.parameters())
    space.discriminator = 0.0
    space.loss(Batch(x, torch.tensor([0, 1] * 3), classes)).backward()
    assert all(p.grad is None or not p.grad.any() for p in space.D.parameters())


def test_steps_equal_those_of_the_plain_algorithm() -> None:
    model = build().double()
    slow, model, steps = trained(model, double(STAGE.training(model.setting)))
    assert isinstance(slow, FVAEGAND2)
    slow.space.load_state_dict({**slow.space.state_dict(), "phi_scale": model.space.phi_scale})
    adams = {**guided.optimizers(slow), "space": adam([slow.space], 1e-2, 0.9)}
    for batch, state in steps:
        guided.vaegan_step(slow, adams, batch, state, slow_loss, slow_charge)
    assert_same_weights(model, slow)


def test_without_a_critic_none_is_trained() -> None:
    before, model, _ = trained(build(guidance=0.0), STAGE.training(FVAEGAND2.setting))
    for name, value in before.state_dict().items():
        if name.startswith("critic"):
            assert torch.equal(value, model.state_dict()[name])


def test_the_method_is_a_configuration() -> None:
    node = config("sdgzsl")
    assert node.space._target_.endswith("Disentangling")
    assert node.gamma == 0
    assert node.guidance == 1


def test_a_resumed_training_is_bit_identical(tmp_path: Any) -> None:
    assert_resumes(build, STAGE, tmp_path, 3)


def test_the_space_is_a_method_of_its_own() -> None:
    check_method(Disentangling, {"semantic_hidden": 8, "relation_hidden": 8, "epochs": 3, "batch_size": 16})
