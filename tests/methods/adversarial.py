"""A step of adversarial training written out slowly: every batch by itself, every gradient by autograd, no shortcut."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch.optim import Adam, Optimizer

from zsl.data.examples import Examples
from zsl.data.protocol import Stage
from zsl.data.training_set import TrainingSet
from zsl.methods.generative.softmax import Softmax
from zsl.methods.method import ZSLModel
from zsl.training.fit import fit
from zsl.training.loop import Loop

LOOP = Loop(progress_bar=False)
HEAD = partial(Softmax, epochs=1)
PLAIN: dict[str, Any] = {"units": "data", "phi_scale": 1.0, "output": "linear"}
"""what is derived from the training set otherwise"""
SMALL: dict[str, Any] = {"head": HEAD, "features_per_class": 2, "hidden": 8, "lr": 1e-2, "batch_size": 16, **PLAIN}


def double(train: TrainingSet) -> TrainingSet:
    """Return the training set in double precision."""
    return replace(
        train,
        examples=Examples(train.examples.inputs.double(), train.examples.labels),
        classes=train.classes.to("cpu", torch.float64),
        unlabelled=None if train.unlabelled is None else train.unlabelled.double(),
    )


class Record(Callback):
    """Batch and random state at the start of every step."""

    def __init__(self) -> None:
        self.steps: list[tuple[Any, Tensor]] = []

    def on_train_batch_start(self, _t: Trainer, _m: LightningModule, batch: Any, _i: int) -> None:
        self.steps.append((batch, torch.get_rng_state()))


def trained(model: ZSLModel, train: TrainingSet) -> tuple[ZSLModel, ZSLModel, list[tuple[Any, Tensor]]]:
    """Return the model before and after training, and its steps."""
    before, record = copy.deepcopy(model), Record()
    return before, fit(model, train, LOOP, 0, callbacks=[record]), record.steps


def score_of(critic: nn.Module, x: Tensor, phi: Tensor) -> Tensor:
    """Return D(x, φ)."""
    part = dict(critic.named_parameters())
    if "A" not in part:
        h = torch.cat([x, phi], 1)
        *hidden, last = zip(*[iter(part.values())] * 2, strict=True)
        for W, b in hidden:
            h = leaky_relu(h @ W.T + b, 0.2)
        return (h @ last[0].T + last[1])[:, 0]
    return leaky_relu(x @ part["A"].T + phi @ part["B"].T + part["b"], 0.2) @ part["w"]


def critic_loss(critic: nn.Module, real: Tensor, fake: Tensor, phi: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Return minus the estimated distance, and the gradient penalty, row by row."""
    distance = score_of(critic, fake, phi).mean() - score_of(critic, real, phi).mean()
    penalties = []
    for x, z, p, a in zip(real, fake, phi, alpha, strict=True):
        mixed = (a * x + (1 - a) * z).requires_grad_()
        (gradient,) = torch.autograd.grad(score_of(critic, mixed[None], p[None])[0], mixed, create_graph=True)
        penalties.append((gradient.square().sum().sqrt() - 1) ** 2)
    return distance, torch.stack(penalties).mean()


def descend(optimizer: Optimizer, loss: Tensor) -> None:
    """Make one step."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def adam(parts: Sequence[nn.Module], lr: float, beta1: float = 0.5) -> Adam:
    """Return the optimizer of the papers."""
    return Adam([p for part in parts for p in part.parameters()], lr, (beta1, 0.999))


def train_critic(
    critic: nn.Module, optimizer: Optimizer, lamb: Tensor, real: Tensor, fakes: Tensor, phi: Tensor
) -> Tensor:
    """Make a step for each batch, and return the mean penalty."""
    alphas = torch.rand(*real.shape[:2], 1, dtype=real.dtype)
    penalties = []
    for x, fake, p, alpha in zip(real, fakes, phi, alphas, strict=True):
        distance, penalty = critic_loss(critic, x, fake.detach(), p, alpha)
        descend(optimizer, distance + lamb * penalty)
        penalties.append(penalty.detach())
    return torch.stack(penalties).mean()


def adapted(lamb: Tensor, penalty: Tensor) -> Tensor:
    """Return an adaptive λ after a block of critic steps."""
    if penalty > 1.05:
        return lamb * 1.1
    return lamb / 1.1 if penalty < 1.001 else lamb


def assert_same_weights(
    found: nn.Module, expected: nn.Module, heads: Sequence[str] = ("zsl_head", "gzsl_head")
) -> None:
    """Assert equal weights, heads apart, to a millionth of a step of 0.01: Adam normalises every gradient."""
    theirs = expected.state_dict()
    for name, value in found.state_dict().items():
        if not name.startswith(("zsl_head", "gzsl_head")):
            torch.testing.assert_close(value, theirs[name], rtol=0, atol=1e-8, msg=name)


class CrashError(Exception):
    """Crash of a run."""


class Crash(Callback):
    """Crash of the run before this step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, _m: LightningModule, _b: Any, _i: int) -> None:
        if trainer.fit_loop.total_batch_idx == self.step:
            raise CrashError


def resumed(build: Any, train: TrainingSet, step: int, folder: Path) -> ZSLModel:
    """Return a model whose training crashed at a step, and was resumed from the checkpoint of the step before."""
    loop = replace(LOOP, checkpoint_every_n_steps=1)
    try:
        fit(build(), train, loop, 0, folder, callbacks=[Crash(step)])
    except CrashError:
        torch.manual_seed(99)
        return fit(build(), train, loop, 0, folder, resume=True)
    raise AssertionError("the run did not reach that step")


def assert_resumes(build: Any, stage: Stage, folder: Path, step: int) -> None:
    """Assert that a resumed training is bit-identical, buffers and heads included."""
    train = stage.training(build().setting)
    expected = fit(build(), train, LOOP, 0).state_dict()
    for name, value in resumed(build, train, step, folder).state_dict().items():
        assert torch.equal(value, expected[name]), name
