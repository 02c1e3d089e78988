"""Steps of a critic, with a weight of its penalty that is fixed or follows the penalty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.methods.generative.critic import Critic

LOOSE, TIGHT, STEP = 1.05, 1.001, 1.1
"""an adaptive λ grows by the factor ``STEP`` where the penalty is above ``LOOSE``, and shrinks where below ``TIGHT``"""
LEAST = 0.1
"""an adaptive λ is no smaller than this part of what it began with"""


def train_critic(
    critic: Critic,
    steps: Any,
    lamb: float | Tensor,
    real: Float[Tensor, "several n d"],
    fakes: Float[Tensor, "several n d"],
    phi: Float[Tensor, "several n k"],
    backward: Callable[..., None],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Make a step of a critic for each batch; return the last loss, and the mean penalty.

    Args:
        critic: what learns.
        steps: its optimizer.
        lamb: λ, the weight of the penalty.
        real: real features.
        fakes: synthetic features of the same classes.
        phi: their descriptions.
        backward: differentiates a loss.
    """
    alphas = torch.rand(*real.shape[:-1], 1, dtype=real.dtype, device=real.device)
    penalties = []
    for x, fake, here, alpha in zip(real, fakes, phi, alphas, strict=True):
        losses = critic.losses(x, fake, here, alpha)
        loss = losses.distance + lamb * losses.penalty
        steps.zero_grad()
        backward(loss)
        steps.step()
        penalties.append(losses.penalty.detach())
    return loss.detach(), torch.stack(penalties).mean()


def adapt(lamb: Float[Tensor, ""], penalty: Float[Tensor, ""], first: float) -> None:
    """Make λ larger where the mean penalty is above 1.05, and smaller where it is below 1.001, as [Narayan2020].

    A young critic has small gradients, whatever λ is. Public code lets λ shrink all that while, and a critic whose
    gradients then grow is without a bound until λ has grown again, as slowly as it shrank.

    Args:
        lamb: λ, changed in place.
        penalty: the mean penalty of the steps before.
        first: what λ began with; it becomes no smaller than a tenth of it.
    """
    up, down = (penalty > LOOSE).to(lamb), (penalty < TIGHT).to(lamb)
    lamb.mul_(STEP ** (up - down)).clamp_(min=LEAST * first)
