"""LisGAN: its soul samples against Lloyd's algorithm class by class, its two terms in loops, and its steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy

from tests import worlds
from tests.methods.adversarial import (
    SMALL,
    adam,
    assert_resumes,
    assert_same_weights,
    descend,
    double,
    score_of,
    train_critic,
    trained,
)
from zsl.data.protocol import final
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.lisgan import ROUNDS, LisGAN, cluster_means
from zsl.methods.generative.losses import nearest_of_own
from zsl.methods.method import Dimensions

STAGE = final(worlds.source())
DIMS = Dimensions(*STAGE.dims)


def build(**changes: Any) -> LisGAN:
    torch.manual_seed(1)
    given = {"critic_hidden": 7, "n_critic": 2, "epochs": 2, "beta": 0.3, "classifier_epochs": 2, "soul_features": 3}
    return LisGAN(DIMS, **{**SMALL, **given, "lambda1": 0.4, "lambda2": 0.2, **changes})


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 25), s=st.integers(1, 4), m=st.integers(1, 4), seed=st.integers(0, 999))
def test_souls_are_fixed_points_of_lloyds_algorithm(n: int, s: int, m: int, seed: int) -> None:
    """So few points are at rest after the rounds: each mean is that of the images of its class that are nearest."""
    torch.manual_seed(seed)
    y = torch.cat([torch.arange(s), torch.randint(s, (n,))])
    x = torch.randn(len(y), 2).double()
    means = cluster_means(x, y, m)
    assert means.shape == (s, m, 2)
    assert ROUNDS >= 25
    for c in range(s):
        own = x[y == c]
        nearest = [min(range(m), key=lambda j: float((row - means[c, j]).square().sum())) for row in own]
        for j in set(nearest):
            at = torch.stack([row for row, near in zip(own, nearest, strict=True) if near == j])
            torch.testing.assert_close(means[c, j], at.mean(dim=0))
        assert set(nearest) <= set(range(m))


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 5), s=st.integers(1, 3), m=st.integers(1, 3), seed=st.integers(0, 99))
def test_the_distance_is_that_to_the_nearest_soul_of_the_own_class(n: int, s: int, m: int, seed: int) -> None:
    torch.manual_seed(seed)
    x, souls, y = torch.randn(n, 3).double(), torch.randn(s, m, 3).double(), torch.randint(s, (n,))
    total = sum(min(sum((a - b) ** 2 for a, b in zip(r, q, strict=True)) for q in souls[c].tolist())
                for r, c in zip(x.tolist(), y.tolist(), strict=True))  # fmt: skip
    assert nearest_of_own(x, y, souls).item() == pytest.approx(total / n)


def slow_step(model: LisGAN, adams: dict[str, Any], batch: Any, state: Tensor) -> None:
    torch.set_rng_state(state)
    phi = batch.classes.embeddings[batch.y]

    def fakes(p: Tensor) -> Tensor:
        z = torch.randn(*p.shape[:-1], model.generator.noise, dtype=p.dtype)
        return model.generator.layers(torch.cat([z, p], -1))  # type: ignore[no-any-return]

    train_critic(model.critic, adams["critic"], torch.tensor(model.lamb), batch.x, fakes(phi), phi)
    fake, y = fakes(phi[-1]), batch.y[-1]
    loss = -score_of(model.critic, fake, phi[-1]).mean()
    loss = loss + model.beta * cross_entropy(fake @ model.classifier.V.T + model.classifier.c, y)
    near = [min((x - soul).square().sum() for soul in model.souls[c]) for x, c in zip(fake, y, strict=True)]  # type: ignore[type-var]
    loss = loss + model.lambda2 * torch.stack(near).mean()
    every = batch.classes.embeddings
    made = fakes(torch.stack([every] * model.soul_features)).mean(dim=0)
    near = [min((x - soul).square().sum() for soul in own) for x, own in zip(made, model.souls, strict=True)]  # type: ignore[type-var]
    loss = loss + model.lambda1 * torch.stack(near).mean()
    descend(adams["generator"], loss)


@pytest.mark.parametrize("output", ["linear", "relu"])
def test_steps_equal_those_of_the_plain_algorithm(output: str) -> None:
    model = build(output=output).double()
    slow, model, steps = trained(model, double(STAGE.training(model.setting)))
    assert isinstance(slow, LisGAN)
    assert isinstance(model, LisGAN)
    slow.classifier.load_state_dict(model.classifier.state_dict())
    slow.souls.copy_(model.souls)
    adams = {"critic": adam([slow.critic], slow.lr), "generator": adam([slow.generator], slow.lr)}
    for batch, state in steps:
        slow_step(slow, adams, batch, state)
    assert_same_weights(model, slow)


def test_without_its_terms_it_is_fclswgan() -> None:
    train = double(STAGE.training(LisGAN.setting))
    found = trained(build(lambda1=0.0, lambda2=0.0).double(), train)[1]
    torch.manual_seed(1)
    given: dict[str, Any] = {"critic_hidden": 7, "n_critic": 2, "epochs": 2, "beta": 0.3, "classifier_epochs": 2}
    plain = trained(FCLSWGAN(DIMS, **{**SMALL, **given}).double(), train)[1]
    for name in plain.state_dict():
        torch.testing.assert_close(found.state_dict()[name], plain.state_dict()[name], rtol=0, atol=0)


def test_a_resumed_training_is_bit_identical(tmp_path: Any) -> None:
    assert_resumes(build, STAGE, tmp_path, 3)
