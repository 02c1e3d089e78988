"""The critic's penalty in closed form against automatic differentiation, parameter gradients included."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from zsl.methods.generative.critic import DeepCritic, ShallowCritic, critic


def same(d: int, k: int, hidden: int, slope: float, dtype: torch.dtype) -> tuple[ShallowCritic, DeepCritic]:
    """Return one function in two forms, with weights large enough for both signs of every hidden unit to occur."""
    shallow = ShallowCritic(d, k, hidden, slope).to(dtype)
    for parameter in shallow.parameters():
        nn.init.normal_(parameter)
    deep = DeepCritic(d, k, hidden, 1, slope).to(dtype)
    first, last = (layer for layer in deep.layers if isinstance(layer, nn.Linear))
    with torch.no_grad():
        first.weight.copy_(torch.cat([shallow.A, shallow.B], dim=1))
        first.bias.copy_(shallow.b)
        last.weight.copy_(shallow.w.unsqueeze(0))
    return shallow, deep


def agree(mine: Tensor, theirs: Tensor) -> None:
    """Assert equality to 1e-6 of the largest entry; in single precision to 1e-4, for slopes as small as 0.01."""
    share = 1e-6 if mine.dtype is torch.float64 else 1e-4
    assert (mine - theirs).abs().max() <= share * max(theirs.abs().max().item(), 1.0)


def gradients(losses: tuple[Tensor, Tensor], model: nn.Module, lamb: float) -> list[Tensor]:
    distance, penalty = losses
    return list(torch.autograd.grad(distance + lamb * penalty, list(model.parameters()), allow_unused=True))


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 9),
    d=st.integers(1, 12),
    k=st.integers(0, 5),
    hidden=st.integers(1, 16),
    slope=st.sampled_from([0.0, 0.01, 0.2, 1.0]),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    seed=st.integers(0, 2**20),
)
def test_closed_form_is_automatic_differentiation(
    n: int, d: int, k: int, hidden: int, slope: float, dtype: torch.dtype, seed: int
) -> None:
    torch.manual_seed(seed)
    shallow, deep = same(d, k, hidden, slope, dtype)
    real, fake = torch.randn(n, d, dtype=dtype), torch.randn(n, d, dtype=dtype)
    phi, alpha = torch.randn(n, k, dtype=dtype), torch.rand(n, 1, dtype=dtype)
    torch.testing.assert_close(shallow(real, phi), deep(real, phi))
    mixed = torch.lerp(fake, real, alpha).double()
    h = mixed @ shallow.A.double().T + phi.double() @ shallow.B.double().T + shallow.b.double()
    assume(h.abs().min() > 1e-4)  # at a kink the gradient jumps, and rounding decides the side
    gap = (torch.where(h > 0, 1, slope) * shallow.w) @ shallow.A
    assume(gap.norm(dim=1).min() > 1e-2)  # the length of a vector has no gradient at 0
    mine, theirs = (model.losses(real, fake, phi, alpha) for model in (shallow, deep))
    agree(torch.stack(mine), torch.stack(theirs))
    A, B, b, w = gradients(mine, shallow, 10.0)
    first, first_bias, last, last_bias = gradients(theirs, deep, 10.0)
    agree(torch.cat([A, B], dim=1), first)
    agree(b, first_bias)
    agree(w, last.squeeze(0))
    assert last_bias is None or last_bias.abs().max() < 1e-4


def test_the_distance_is_the_difference_of_mean_values() -> None:
    torch.manual_seed(0)
    model = critic(5, 3, 7).double()
    real, fake, phi = torch.randn(4, 5).double(), torch.randn(4, 5).double(), torch.randn(4, 3).double()
    found = model.losses(real, fake, phi, torch.rand(4, 1).double()).distance
    gaps = [model(fake[i : i + 1], phi[i : i + 1]) - model(real[i : i + 1], phi[i : i + 1]) for i in range(4)]
    assert found.item() == pytest.approx(sum(gap.item() for gap in gaps) / 4)


def test_the_penalty_measures_slopes_by_small_steps() -> None:
    torch.manual_seed(1)
    model = critic(4, 2, 6, layers=2).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    real, fake, phi = torch.randn(3, 4).double(), torch.randn(3, 4).double(), torch.randn(3, 2).double()
    alpha = torch.rand(3, 1).double()
    mixed, step = alpha * real + (1 - alpha) * fake, 1e-6
    slopes = torch.stack(
        [(model(mixed + step * e, phi) - model(mixed - step * e, phi)) / (2 * step) for e in torch.eye(4).double()],
        dim=1,
    )
    expected = (slopes.norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(model.losses(real, fake, phi, alpha).penalty, expected, rtol=1e-6, atol=1e-6)
