"""Steps of generators that a space guides, written out slowly: of space, critic and generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.methods.adversarial import adam, adapted, descend, score_of, train_critic
from zsl.data.label_space import LabelSpace
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.fvaegan_d2 import FVAEGAND2
from zsl.methods.generative.space import Space

Loss = Callable[[Any, Tensor, Tensor, LabelSpace], Tensor]
"""a space, features, labels and classes -> its loss on real features, row by row"""
Charge = Callable[[Any, Tensor, Tensor, LabelSpace, Tensor], Tensor]
"""a space, fakes, labels, classes and real features -> what it charges, row by row"""


def wgan_step(model: FCLSWGAN, adams: dict[str, Any], batch: Any, state: Tensor, loss: Loss, charge: Charge) -> None:
    """Make a step of f-WGAN with a guide."""
    torch.set_rng_state(state)
    phi = batch.classes.embeddings[batch.y]
    for x, y in zip(batch.x, batch.y, strict=True):
        descend(adams["space"], loss(model.space, x, y, batch.classes))
    noise = torch.randn(*batch.y.shape, model.generator.noise, dtype=phi.dtype)
    fakes = torch.stack([model.generator.layers(torch.cat([z, p], 1)) for z, p in zip(noise, phi, strict=True)])
    train_critic(model.critic, adams["critic"], torch.tensor(model.lamb), batch.x, fakes, phi)
    z = torch.randn(batch.y.shape[1], model.generator.noise, dtype=phi.dtype)
    fake = model.generator.layers(torch.cat([z, phi[-1]], 1))
    total = -score_of(model.critic, fake, phi[-1]).mean()
    total = total + model.guidance * charge(model.space, fake, batch.y[-1], batch.classes, batch.x[-1])
    make_steps([adams["generator"]], adams["space"], model.space, total)


def vaegan_step(model: FVAEGAND2, adams: dict[str, Any], batch: Any, state: Tensor, loss: Loss, charge: Charge) -> None:
    """Make a step of f-VAEGAN with a guide, noise encoded; without a critic if γ is 0."""
    torch.set_rng_state(state)
    phi = batch.classes.embeddings[batch.y]
    for x, y in zip(batch.x, batch.y, strict=True):
        descend(adams["space"], loss(model.space, x, y, batch.classes))

    def rebuilt(x: Tensor, p: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = model.encoder(x, p)
        z = mean + epsilon * (log_variance / 2).exp()
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum() / len(x)
        return model.generator.layers(torch.cat([z, p], 1)), divergence

    if model.gamma:
        epsilon = torch.randn(*batch.y.shape, model.generator.noise, dtype=phi.dtype)
        fakes = torch.stack([rebuilt(*each)[0] for each in zip(batch.x, phi, epsilon, strict=True)])
        penalty = train_critic(model.critic, adams["critic"], model.lamb, batch.x, fakes, phi)
        model.lamb.copy_(adapted(model.lamb, penalty))
    x, p = batch.x[-1], phi[-1]
    fake, divergence = rebuilt(x, p, torch.randn(len(x), model.generator.noise, dtype=phi.dtype))
    total = ((fake - x) ** 2).sum() / 2 / len(x) + divergence - model.gamma * score_of(model.critic, fake, p).mean()
    total = total + model.guidance * charge(model.space, fake, batch.y[-1], batch.classes, x)
    make_steps([adams["generator"], adams["encoder"]], adams["space"], model.space, total)


def make_steps(own: list[Any], of_space: Any, space: Space, total: Tensor) -> None:
    """Make a step of the generator, and of a space that learns from fakes."""
    learners = [*own, *([of_space] if space.learns_from_fakes else [])]
    for each in [*own, of_space]:
        each.zero_grad()
    total.backward()
    for each in learners:
        each.step()


def optimizers(model: FCLSWGAN | FVAEGAND2) -> dict[str, Any]:
    """The optimizers of the papers."""
    parts = {"critic": model.critic, "generator": model.generator}
    made = {name: adam([part], model.lr) for name, part in parts.items()}
    made["space"] = adam([model.space], model.space.lr)  # type: ignore[arg-type]
    if isinstance(model, FVAEGAND2):
        made["encoder"] = adam([model.encoder], model.lr, 0.9)
    return made
