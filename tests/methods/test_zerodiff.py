"""ZeroDiff's steps written out in plain torch; its diffusion against conditional Gaussians; its synthesis."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests import worlds
from tests.methods.adversarial import (
    SMALL,
    adam,
    assert_resumes,
    assert_same_weights,
    critic_loss,
    descend,
    double,
    score_of,
    trained,
)
from tests.methods.test_bi_vaegan import misfit
from tests.methods.test_ce_gzsl import SPACE, slow_charge, slow_loss
from zsl.data.protocol import final
from zsl.methods.generative.noise_schedule import schedule
from zsl.methods.generative.zerodiff import ZeroDiff
from zsl.methods.method import Dimensions

STAGE = final(worlds.source())
DIMS = Dimensions(*STAGE.dims)


def build(**changes: Any) -> ZeroDiff:
    torch.manual_seed(1)
    given = {"critic_hidden": 7, "n_critic": 2, "epochs": 2, "gamma": 0.8, "mutual": 0.4, "recons": 0.6}
    return ZeroDiff(DIMS, **{**SMALL, **given, "diffusion_steps": 3, "phi_scale": 2.0, **changes})


@pytest.mark.parametrize("steps", [1, 2, 4, 7])
def test_the_schedule_loses_nearly_all_and_is_consistent(steps: int) -> None:
    kept, b = schedule(steps)
    assert kept[0] == 1
    assert b[0] == 0
    assert 0 < kept[-1] < 1e-4
    product = 1.0
    for i in range(1, steps + 1):
        time, before = (0.001 + 0.999 * j / steps for j in (i, i - 1))
        rate = math.exp(-(time**2 - before**2) * 19.9 / 2 - (time - before) * 0.1)
        assert b[i].item() == pytest.approx(1 - rate)
        product *= rate
        assert kept[i].item() == pytest.approx(product)


@settings(deadline=None, max_examples=20)
@given(steps=st.integers(1, 5), t=st.integers(0, 4), x=st.floats(-2, 2), later=st.floats(-2, 2))
def test_the_way_back_is_the_conditional_gaussian(steps: int, t: int, x: float, later: float) -> None:
    """Of (x_t, x_{t+1}) given x, which are jointly normal, x_t given x_{t+1} too."""
    model = build(diffusion_steps=steps).double()
    t %= steps
    kept, b = model.kept[t].item(), model.b[t + 1].item()
    mean, variance = math.sqrt(kept) * x, 1 - kept
    mean_later, variance_later = math.sqrt(1 - b) * mean, (1 - b) * variance + b
    gain = math.sqrt(1 - b) * variance / variance_later
    n = 20_000
    torch.manual_seed(0)
    rows = torch.full((n, DIMS.features), later).double()
    found = model.reverse(torch.full_like(rows, x), rows, torch.full((n,), t))
    spread = math.sqrt(max(variance - gain * math.sqrt(1 - b) * variance, 0))
    expected = mean + gain * (later - mean_later)
    assert found.mean().item() == pytest.approx(expected, abs=5 * spread / math.sqrt(found.numel()) + 1e-5)
    assert found.std().item() == pytest.approx(spread, rel=0.02, abs=1e-5)


def test_a_noised_feature_has_the_moments_of_the_diffusion() -> None:
    torch.manual_seed(0)
    model = build().double()
    x = torch.full((50_000, DIMS.features), 1.5).double()
    now, later = model.diffuse(x, torch.full((len(x),), 1))
    for found, kept in ((now, model.kept[1].item()), (later, model.kept[2].item())):
        assert found.mean().item() == pytest.approx(1.5 * math.sqrt(kept), abs=0.01)
        assert found.var().item() == pytest.approx(1 - kept, abs=0.01)


class Slow:
    """A model's functions, one batch at a time."""

    def __init__(self, model: ZeroDiff) -> None:
        self.model = model

    def restored(self, x: Tensor, phi: Tensor, t: Tensor, noise: list[Tensor]) -> tuple[Tensor, ...]:
        model, steps = self.model, torch.arange(self.model.diffusion_steps)
        kept, b = model.kept[t][:, None], model.b[t + 1][:, None]
        now = kept.sqrt() * x + (1 - kept).sqrt() * noise[0]
        later = (1 - b).sqrt() * now + b.sqrt() * noise[1]
        mean, log_variance = model.encoder(x, phi)
        z = mean + noise[2] * (log_variance / 2).exp()
        v = torch.cat([later, 2.0 * phi, (t[:, None] == steps).to(x)], dim=1)
        fake = model.generator.layers(torch.cat([z, v], dim=1))
        after = model.kept[t + 1][:, None]
        centre = (b * kept.sqrt() * fake + (1 - kept) * (1 - b).sqrt() * later) / (1 - after)
        made = centre + (b * (1 - kept) / (1 - after)).sqrt() * noise[3]
        return fake, now, made, v, 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum() / len(x)

    def noise(self, x: Tensor) -> list[Tensor]:
        z = torch.empty(*x.shape[:-1], self.model.generator.noise, dtype=x.dtype)
        return [torch.randn_like(each) for each in (x, x, z, x)]


def slow_step(model: ZeroDiff, adams: dict[str, Any], batch: Any, state: Tensor) -> None:
    torch.set_rng_state(state)
    phi, slow, T = batch.classes.embeddings[batch.y], Slow(model), model.diffusion_steps
    if model.guidance:
        for x, y in zip(batch.x, batch.y, strict=True):
            descend(adams["space"], slow_loss(model.space, x, y, batch.classes))  # type: ignore[arg-type]
    t, noise = torch.randint(T, batch.y.shape), slow.noise(batch.x)
    parts = [slow.restored(*each[:3], list(each[3:])) for each in zip(batch.x, phi, t, *noise, strict=True)]
    alphas = torch.rand(2, *batch.y.shape, 1, dtype=phi.dtype)
    for i, (fake, now, made, v, _) in enumerate(parts):
        fake, made, x, p = fake.detach(), made.detach(), batch.x[i], phi[i]
        loss = model.decoder.loss(x, p)
        for critic, real, other, beside, alpha in (
            (model.critic, x, fake, p, alphas[0, i]),
            (model.step_critic, now, made, v, alphas[1, i]),
        ):
            if critic is model.critic:
                beside = 2.0 * p
            distance, penalty = critic_loss(critic, real, other, beside, alpha)
            loss = loss + distance + model.lamb * penalty
        first = score_of(model.critic, x, 2.0 * p) - score_of(model.critic, fake, 2.0 * p)
        second = score_of(model.step_critic, now, v) - score_of(model.step_critic, made, v)
        descend(adams["judges"], loss + model.mutual * ((first - second) ** 2).mean())
    x, p = batch.x[-1], phi[-1]
    t = torch.randint(T, batch.y.shape[1:])
    fake, _, made, v, divergence = slow.restored(x, p, t, slow.noise(x))
    fooled = score_of(model.critic, fake, 2.0 * p).mean() + score_of(model.step_critic, made, v).mean()
    total = ((fake - x) ** 2).sum() / 2 / len(x) + divergence - model.gamma * fooled
    total = total + model.recons * misfit(model.decoder(fake), p)
    if model.guidance:
        charge = slow_charge(model.space, fake, batch.y[-1], batch.classes, x)  # type: ignore[arg-type]
        total = total + model.guidance * charge
    for each in adams.values():
        each.zero_grad()
    total.backward()
    for name in ("generator", "encoder"):
        adams[name].step()


@pytest.mark.parametrize("changes", [{}, {"mutual": 0.0, "diffusion_steps": 1}, {"space": SPACE, "guidance": 0.5}])
def test_steps_equal_those_of_the_plain_algorithm(changes: dict[str, Any]) -> None:
    model = build(**changes).double()
    slow, model, steps = trained(model, double(STAGE.training(model.setting)))
    assert isinstance(slow, ZeroDiff)
    adams = {
        "judges": adam([slow.critic, slow.step_critic, slow.decoder], slow.lr),
        "generator": adam([slow.generator], slow.lr),
        "encoder": adam([slow.encoder], slow.lr, 0.9),
    }
    if slow.guidance:
        adams["space"] = adam([slow.space], 1e-2)
        slow.space.load_state_dict({**slow.space.state_dict(), "phi_scale": model.space.phi_scale})
    for batch, state in steps:
        slow_step(slow, adams, batch, state)
    assert_same_weights(model, slow)


@torch.no_grad()
def test_synthesis_restores_from_the_last_step_to_the_first() -> None:
    model, phi = build().double(), torch.rand(4, DIMS.embedding).double()
    torch.manual_seed(5)
    found = model.synthesize(phi)
    torch.manual_seed(5)
    x = torch.randn(4, DIMS.features, dtype=torch.float64)
    z = torch.randn(4, model.generator.noise, dtype=torch.float64)
    for step in (2, 1, 0):
        told = torch.zeros(4, 3, dtype=torch.float64)
        told[:, step] = 1
        restored = model.generator.layers(torch.cat([z, x, 2.0 * phi, told], dim=1))
        x = model.reverse(restored, x, torch.full((4,), step))
    torch.testing.assert_close(found, x)
    torch.testing.assert_close(found, restored)


def test_a_resumed_training_is_bit_identical(tmp_path: Any) -> None:
    assert_resumes(build, STAGE, tmp_path, 3)
