"""Bi-VAEGAN's steps written out in plain torch; its class prior; what heads are given."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from tests import worlds
from tests.methods.adversarial import (
    SMALL,
    adam,
    adapted,
    assert_resumes,
    assert_same_weights,
    critic_loss,
    descend,
    double,
    score_of,
    train_critic,
    trained,
)
from zsl.data.protocol import final
from zsl.data.training_set import Setting
from zsl.methods.generative.bi_vaegan import BiVAEGAN
from zsl.methods.method import Dimensions

STAGE = final(worlds.source())
DIMS = Dimensions(*STAGE.dims)


def build(**changes: Any) -> BiVAEGAN:
    torch.manual_seed(1)
    given = {"critic_hidden": 7, "n_critic": 2, "epochs": 2, "phi_critic_hidden": 5, "beta": 0.6, "alpha": 0.3}
    return BiVAEGAN(DIMS, **{**SMALL, **given, **changes})


def regressed(model: BiVAEGAN, x: Tensor) -> Tensor:
    """φ̂(x)."""
    W1, b1, W2, b2 = model.regressor.layers.parameters()
    out = leaky_relu(x @ W1.T + b1, 0.2) @ W2.T + b2
    return out / out.square().sum(dim=1, keepdim=True).sqrt()


def misfit(found: Tensor, phi: Tensor) -> Tensor:
    """R, row by row."""
    rows = [(a - b).abs().pow(3).sum() / (a - b).square().sum().sqrt() for a, b in zip(found, phi, strict=True)]
    return torch.stack(rows).mean()


def drawn(model: BiVAEGAN, batch: Any, shape: tuple[int, ...]) -> Tensor:
    """φ of unseen classes by p(y): the first class at which the sum of shares exceeds a uniform number."""
    share = torch.rand(shape, dtype=model.prior.dtype)
    places = []
    for value in share.flatten().tolist():
        sums = itertools.accumulate(model.prior.tolist())
        places.append(next(place for place, total in enumerate(sums) if total > value or place == DIMS.unseen - 1))
    return batch.unseen.embeddings[torch.tensor(places).view(shape)]  # type: ignore[no-any-return]


def slow_step(model: BiVAEGAN, adams: dict[str, Any], batch: Any, state: Tensor) -> None:
    torch.set_rng_state(state)
    assert model.unconditional is not None
    n = batch.y.shape[1]
    x, phi = batch.x[-1], batch.classes.embeddings[batch.y]
    images = batch.unlabelled[torch.randint(len(batch.unlabelled), (n,))]
    real = torch.cat([phi[-1], drawn(model, batch, (n,))])
    real = real / real.norm(dim=1, keepdim=True)
    both = torch.cat([x, images])
    alpha = torch.rand(2 * n, 1, dtype=x.dtype)
    distance, penalty = critic_loss(model.phi_critic, real, regressed(model, both).detach(), real[:, :0], alpha)
    descend(adams["phi_critic"], distance + model.lamb_phi * penalty)
    values = score_of(model.phi_critic, regressed(model, both), real[:, :0])
    loss = misfit(regressed(model, x), phi[-1]) - model.alpha * (values[:n].mean() + values[n:].mean())
    descend(adams["regressor"], loss)

    def rebuilt(x: Tensor, p: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = model.encoder(x, p)
        z = mean + epsilon * (log_variance / 2).exp()
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum() / len(x)
        return model.generator.layers(torch.cat([z, p], 1)), divergence

    def made(p: Tensor) -> Tensor:
        z = torch.randn(*p.shape[:-1], model.generator.noise, dtype=p.dtype)
        return model.generator.layers(torch.cat([z, p], -1))  # type: ignore[no-any-return]

    epsilon = torch.randn(*batch.y.shape, model.generator.noise, dtype=x.dtype)
    fakes = torch.stack([rebuilt(*each)[0] for each in zip(batch.x, phi, epsilon, strict=True)])
    first = train_critic(model.critic, adams["critic"], model.lamb, batch.x, fakes, phi)
    images = batch.unlabelled[torch.randint(len(batch.unlabelled), batch.y.shape)]
    u = drawn(model, batch, tuple(batch.y.shape))
    critic = (model.unconditional, adams["unconditional"], model.lamb_unconditional)
    second = train_critic(*critic, images, made(u), u[..., :0])
    model.lamb.copy_(adapted(model.lamb, first))
    model.lamb_unconditional.copy_(adapted(model.lamb_unconditional, second))

    fake, divergence = rebuilt(x, phi[-1], torch.randn(n, model.generator.noise, dtype=x.dtype))
    total = ((fake - x) ** 2).sum() / 2 / n + divergence - model.gamma * score_of(model.critic, fake, phi[-1]).mean()
    u = drawn(model, batch, (n,))
    fake = made(u)
    total = total - model.gamma * score_of(model.unconditional, fake, u[:, :0]).mean()
    total = total + model.beta * misfit(regressed(model, fake), u)
    for each in adams.values():
        each.zero_grad()
    total.backward()
    for name in ("generator", "encoder"):
        adams[name].step()


@pytest.mark.parametrize("epochs", [1, 2])
def test_steps_equal_those_of_the_plain_algorithm(epochs: int) -> None:
    """The prior of the second epoch, and of each tenth of the first, is that which the model estimates then."""
    model = build(epochs=epochs).double()
    train = double(STAGE.training(model.setting))
    slow, model, steps = trained(model, train)
    assert isinstance(slow, BiVAEGAN)
    parts = {name: getattr(slow, name) for name in ("phi_critic", "regressor", "critic", "unconditional", "generator")}
    adams = {
        **{name: adam([part], slow.lr) for name, part in parts.items()},
        "encoder": adam([slow.encoder], slow.lr, 0.9),
    }
    per_epoch = -(-len(train.examples) // 16)
    for i, (batch, state) in enumerate(steps):
        if i and i % (per_epoch if i >= per_epoch else -(-per_epoch // 10)) == 0:
            torch.set_rng_state(state)
            slow.prior.copy_(slow.shares(batch.unlabelled, batch.unseen.embeddings))
            state = torch.get_rng_state()
        slow_step(slow, adams, batch, state)
    assert_same_weights(model, slow)
    assert len(steps) == epochs * per_epoch > 1
    assert not (slow.prior == 0.5).all()


def test_the_prior_is_that_of_clusters_that_are_far_apart() -> None:
    """Three of every four images are near the synthetic features of the second class."""
    model = build()
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.zero_()
        first, _, last, _ = model.generator.layers.parameters()
        phi = torch.eye(2, DIMS.embedding)
        first[0, model.generator.noise] = 1
        last[:, 0] = 10
    x = torch.cat([torch.full((20, DIMS.features), 9.0), torch.full((60, DIMS.features), 0.5)])
    found = model.shares(x + 0.1 * torch.randn_like(x), phi)
    assert found.tolist() == pytest.approx([21 / 82, 61 / 82])


def test_unseen_descriptions_are_drawn_by_the_prior() -> None:
    model = build()
    model.prior.copy_(torch.tensor([0.2, 0.8]))
    train = STAGE.training(Setting.TRANSDUCTIVE)
    batch = next(iter(model.batches(train, 0)))
    found = model.draw_unseen(batch, torch.Size([20_000]))  # type: ignore[arg-type]
    share = (found == batch.unseen.embeddings[1]).all(dim=1).double().mean()  # type: ignore[attr-defined]
    assert share.item() == pytest.approx(0.8, abs=0.01)


def test_heads_learn_from_features_description_and_hidden_layer() -> None:
    model, x = build(), STAGE.held_out.unseen().inputs
    W1, b1, *_ = model.regressor.layers.parameters()
    expected = torch.cat([x, regressed(model, x), leaky_relu(x @ W1.T + b1, 0.2)], dim=1)
    torch.testing.assert_close(model.represent(x), expected)
    assert model.gzsl_head.V.shape[1] == expected.shape[1]


def test_a_resumed_training_is_bit_identical(tmp_path: Any) -> None:
    for step in (1, 4):
        assert_resumes(build, STAGE, tmp_path / str(step), step)
