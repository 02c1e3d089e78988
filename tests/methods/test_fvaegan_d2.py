"""f-VAEGAN-D2's losses and steps written out in plain torch; its adaptive penalty weight."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from tests import worlds
from tests.methods.adversarial import (
    SMALL,
    adam,
    adapted,
    assert_same_weights,
    descend,
    double,
    score_of,
    train_critic,
    trained,
)
from zsl.data.examples import Examples
from zsl.data.protocol import final
from zsl.data.training_set import TrainingSet
from zsl.methods.generative.fvaegan_d2 import FVAEGAND2
from zsl.methods.generative.gaussian import Gaussian
from zsl.methods.generative.networks import Encoder
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

STAGE = final(worlds.source())
DIMS = Dimensions(*STAGE.dims)


def build(**changes: Any) -> FVAEGAND2:
    torch.manual_seed(1)
    return FVAEGAND2(DIMS, **{**SMALL, "critic_hidden": 7, "n_critic": 3, "epochs": 2, **changes})


def unit(train: TrainingSet) -> TrainingSet:
    """Return the training set with features scaled to [0, 1]."""
    x = train.examples.inputs
    return replace(train, examples=Examples((x - x.min()) / (x.max() - x.min()), train.examples.labels))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 9))
def test_the_divergence_is_that_of_gaussians(n: int, k: int, seed: int) -> None:
    torch.manual_seed(seed)
    posterior = Gaussian(torch.randn(n, k, dtype=torch.float64), torch.randn(n, k, dtype=torch.float64))
    ours = Normal(posterior.mu, posterior.log_variance.exp().sqrt())
    expected = kl_divergence(ours, Normal(torch.zeros(()).double(), 1.0)).sum() / n
    torch.testing.assert_close(posterior.divergence().mean(), expected)


def test_draws_from_the_posterior_have_its_moments() -> None:
    torch.manual_seed(0)
    posterior = Gaussian(torch.full((100_000, 1), 3.0), torch.full((100_000, 1), math.log(4.0)))
    z = posterior.draw()
    assert z.mean().item() == pytest.approx(3, abs=0.03)
    assert z.std().item() == pytest.approx(2, abs=0.03)


def test_the_encoder_has_two_hidden_layers() -> None:
    encoder = Encoder(5, 3, 8, 2).double()
    W1, b1, W2, b2, W3, b3 = encoder.parameters()
    x, phi = torch.randn(4, 5).double(), torch.randn(4, 3).double()
    h = torch.cat([x, phi], 1) @ W1.T + b1
    h = torch.where(h > 0, h, 0.2 * h) @ W2.T + b2
    out = torch.where(h > 0, h, 0.2 * h) @ W3.T + b3
    found = encoder(x, phi)
    torch.testing.assert_close(found.mu, out[:, :2])
    torch.testing.assert_close(found.log_variance, out[:, 2:])


@pytest.mark.parametrize("output", ["sigmoid", "linear"])
def test_reconstruction_is_cross_entropy_or_half_the_squared_error(output: str) -> None:
    torch.manual_seed(0)
    x, p = torch.rand(3, 4).double(), torch.rand(3, 4).double()
    total = 0.0
    for i in range(3):
        for j in range(4):
            a, b = x[i, j].item(), p[i, j].item()
            entropy = -a * math.log(b) - (1 - a) * math.log(1 - b)
            total += entropy if output == "sigmoid" else 0.5 * (a - b) ** 2
    assert build(output=output).misfit(p, x).item() == pytest.approx(total / 3)


def slow_step(model: FVAEGAND2, optimizers: dict[str, Any], batch: Any, state: Tensor) -> None:
    """Make a step in the order of the public code, with our order of random draws."""
    torch.set_rng_state(state)
    phi, n = batch.classes.embeddings[batch.y], model.n_critic
    shape = (*batch.y.shape, model.generator.noise)
    epsilon = torch.randn(shape, dtype=phi.dtype)
    fakes = []
    for i in range(n):
        mean, log_variance = model.encoder(batch.x[i], phi[i])
        z = mean + epsilon[i] * log_variance.exp().sqrt() if model.encoded_noise else epsilon[i]
        fakes.append(model.generator.layers(torch.cat([z, phi[i]], 1)).detach())
    penalty = train_critic(model.critic, optimizers["critic"], model.lamb, batch.x, torch.stack(fakes), phi)
    if model.unconditional is not None:
        images = batch.unlabelled[torch.randint(len(batch.unlabelled), batch.y.shape)]
        u = batch.unseen.embeddings[torch.randint(len(batch.unseen), batch.y.shape)]
        fakes = [
            model.generator.layers(torch.cat(rows, 1))
            for rows in zip(torch.randn(shape, dtype=u.dtype), u, strict=True)
        ]
        second = (
            model.unconditional,
            optimizers["unconditional"],
            model.lamb_unconditional,
            images,
            torch.stack(fakes),
        )
        of_second = train_critic(*second, torch.empty(*batch.y.shape, 0).to(u))
        if model.adaptive:
            model.lamb_unconditional.copy_(adapted(model.lamb_unconditional, of_second))
    if model.adaptive:
        model.lamb.copy_(adapted(model.lamb, penalty))

    x, phi = batch.x[-1], phi[-1]
    mean, log_variance = model.encoder(x, phi)
    z = mean + torch.randn(shape[1:], dtype=phi.dtype) * log_variance.exp().sqrt()
    rebuilt = model.generator.layers(torch.cat([z, phi], 1))
    fake = rebuilt
    if not model.encoded_noise:
        fake = model.generator.layers(torch.cat([torch.randn(shape[1:], dtype=phi.dtype), phi], 1))
    if model.output == "sigmoid":
        misfit = nn.functional.binary_cross_entropy(rebuilt, x, reduction="sum")
    else:
        misfit = ((rebuilt - x) ** 2).sum() / 2
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
    loss = (misfit + divergence) / len(x) - model.gamma * score_of(model.critic, fake, phi).mean()
    if model.unconditional is not None:
        u = batch.unseen.embeddings[torch.randint(len(batch.unseen), (len(x),))]
        fake = model.generator.layers(torch.cat([torch.randn(shape[1:], dtype=u.dtype), u], 1))
        loss = loss - model.gamma * score_of(model.unconditional, fake, u[:, :0]).mean()
    optimizers["encoder"].zero_grad()
    descend(optimizers["generator"], loss)
    optimizers["encoder"].step()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"output": "sigmoid"},
        {"output": "relu", "encoded_noise": False},
        {"output": "sigmoid", "encoded_noise": False, "adaptive": True},
        {"n_critic": 1, "adaptive": True},
        {"transductive": True, "adaptive": True},
        {"transductive": True, "critic_layers": 2},
    ],
    ids=str,
)
def test_steps_equal_those_of_the_plain_algorithm(changes: dict[str, Any]) -> None:
    model = build(**changes).double()
    train = double(STAGE.training(model.setting))
    slow, model, steps = trained(model, unit(train) if model.output == "sigmoid" else train)
    optimizers = {
        "critic": adam([slow.critic], slow.lr),
        "encoder": adam([slow.encoder], slow.lr, 0.9),
        "generator": adam([slow.generator], slow.lr),
    }
    if slow.unconditional is not None:
        optimizers["unconditional"] = adam([slow.unconditional], slow.lr)
    assert len(steps) == 2 * -(-len(train.examples) // 16)
    for batch, state in steps:
        slow_step(slow, optimizers, batch, state)
    assert_same_weights(model, slow)


@pytest.mark.parametrize(("steepness", "direction"), [(1e-3, -1), (1e5, 1)])
def test_an_adaptive_weight_follows_the_penalty(steepness: float, direction: int) -> None:
    model = build(adaptive=True, epochs=1, lr=1e-6)
    model.critic.w.data.mul_(steepness)
    _, model, steps = trained(model, STAGE.training(model.setting))
    assert model.lamb.item() == pytest.approx(10 * 1.1 ** (direction * len(steps)), rel=1e-5)


def test_an_adaptive_weight_keeps_a_tenth_of_what_it_began_with() -> None:
    """However long the gradients of a critic are small, it has a bound when they grow."""
    model = build(adaptive=True, transductive=True, lamb=3.0, epochs=20, lr=1e-6)
    for critic in (model.critic, model.unconditional):
        assert critic is not None
        critic.w.data.mul_(1e-3)
    _, model, steps = trained(model, STAGE.training(model.setting))
    assert 3 * 1.1 ** -len(steps) < 0.3
    assert [model.lamb.item(), model.lamb_unconditional.item()] == pytest.approx([0.3, 0.3])


@pytest.mark.parametrize("directions", [(-1, 1), (1, -1), (1, 1), (-1, -1)])
def test_adaptive_weights_follow_each_the_penalty_of_its_own_critic(directions: tuple[int, int]) -> None:
    """One flat and one steep critic: the mean of their penalties is informative for neither."""
    model = build(adaptive=True, transductive=True, epochs=1, lr=1e-6)
    for critic, direction in zip((model.critic, model.unconditional), directions, strict=True):
        assert critic is not None
        critic.w.data.mul_({-1: 1e-3, 1: 1e5}[direction])
    _, model, steps = trained(model, STAGE.training(model.setting))
    found = [model.lamb.item(), model.lamb_unconditional.item()]
    assert found == pytest.approx([10 * 1.1 ** (direction * len(steps)) for direction in directions], rel=1e-5)


@pytest.mark.parametrize("transductive", [False, True])
def test_a_weight_that_is_not_adaptive_stands_still(transductive: bool) -> None:
    model = build(lamb=3.0, transductive=transductive)
    state = fit(model, STAGE.training(model.setting), Loop(progress_bar=False), 0).state_dict()
    weights = {name: value.item() for name, value in state.items() if name.startswith("lamb")}
    assert weights == {"lamb": 3.0, **({"lamb_unconditional": 3.0} if transductive else {})}
