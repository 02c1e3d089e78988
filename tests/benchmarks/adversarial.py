"""One iteration of every generator with a critic at paper size on CUB's shapes, ours and written the usual way.

The usual way has what public code has: a data loader, fakes of one critic step at a time with the generator's graph,
real and fake features apart, the penalty by differentiating twice, Adam parameter by parameter. What is particular to a
method, its regressors and spaces, is the same in both.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from tests.benchmarks.generators import BATCH, DEVICE, DIMS, HIDDEN, data, endless, in_turns
from tests.benchmarks.timing import Timing
from zsl.config.experiment import Experiment
from zsl.data.training_set import Draws, Setting, TrainingSet, TransductiveBatch
from zsl.methods.generative import fclswgan, fvaegan_d2, transductive
from zsl.methods.generative.critic import Critic, DeepCritic
from zsl.methods.generative.wasserstein import AdversarialGenerator

METHODS = (
    *("fclswgan", "lisgan", "cycle_clswgan", "ce_gzsl", "fvaegan_d2", "free", "tf_vaegan", "bi_vaegan", "zerodiff"),
    "sdgzsl",
)
"""SDGZSL has no critic: its decoder alone learns"""
CRITICS_OF = ("critic", "unconditional", "step_critic")
UNLABELLED = 2967
"""images of CUB's unseen classes"""


def run() -> list[Timing]:
    """The table's lines, two for each method."""
    train = data()
    x = torch.rand(UNLABELLED, DIMS.features, device=DEVICE)
    lines = []
    for name in METHODS:
        ways = {"written the usual way": usual(name, train, x), "ours, bare loop": ours(name, train, x)}
        seconds = in_turns(ways, rounds=5, several=1)
        reference, mine = seconds.values()
        ratio = statistics.median(a / b for a, b in zip(reference, mine, strict=True))
        beside = ("", f"{ratio:.2f} × as fast as the usual way")
        for (way, found), told in zip(seconds.items(), beside, strict=True):
            goal = "≥ 2.0 ×" if told and name != "sdgzsl" else ""
            what = f"{name} iteration, {way}"
            lines.append(Timing(what, statistics.median(found), min(found), max(found), told, goal))
    return lines


def built(name: str, train: TrainingSet, x: Tensor) -> tuple[AdversarialGenerator, TrainingSet]:
    """A method at paper size, on features as they are, and what it is trained on."""
    widths = [f"method.hidden={HIDDEN}", f"method.critic_hidden={HIDDEN}"]
    given = [f"method.batch_size={BATCH}", "method.units=data", "method.output=relu"]
    torch.manual_seed(0)
    model = Experiment.compose([f"method={name}", "data=synthetic", *widths, *given]).method(DIMS, {})
    assert isinstance(model, AdversarialGenerator)
    seen = TrainingSet(train.examples, train.classes, x if model.setting is Setting.TRANSDUCTIVE else None)
    return model.to(DEVICE), seen


def ours(name: str, train: TrainingSet, x: Tensor) -> Callable[[], object]:
    """The step of the loop, without the loop."""
    model, train = built(name, train, x)
    return stepping(model, model.configure_optimizers(), endless(model.batches(train, 0)))


def usual(name: str, train: TrainingSet, x: Tensor) -> Callable[[], object]:
    """The same step with deep critics, whose gradients are differentiated, and batches of a data loader."""
    model, train = built(name, train, x)
    batches = model.batches(train, 0)
    for part in CRITICS_OF:
        critic = getattr(model, part, None)
        if critic is not None:
            setattr(model, part, DeepCritic(critic.A.shape[1], critic.B.shape[1], HIDDEN, 1).to(DEVICE))
    for part, function in (
        (model, "generate"),
        (model.generator, "forward"),
        (getattr(model, "encoder", None), "forward"),
    ):
        if hasattr(part, function):
            setattr(part, function, one_at_a_time(getattr(part, function)))
    plain = [
        Adam([{"params": group["params"], "lr": group["lr"]} for group in each.param_groups], foreach=False)
        for each in model.configure_optimizers()
    ]
    step = stepping(model, plain, loaded(batches, train))

    def patched() -> object:
        with (
            patch.object(fclswgan, "train_critic", train_critic),
            patch.object(fvaegan_d2, "train_critic", train_critic),
            patch.object(transductive, "train_critic", train_critic),
        ):
            return step()

    return patched


def one_at_a_time(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of several batches, in turn, and with the graph that only the generator's own step needs."""

    def made(*given: Tensor) -> Any:
        if given[0].dim() < 3 or not len(given[0]):
            return forward(*given)
        with torch.enable_grad():
            found = [forward(*each) for each in zip(*given, strict=True)]
        if isinstance(found[0], Tensor):
            return torch.stack(found)
        return type(found[0])(*(torch.stack(each) for each in zip(*found, strict=True)))

    return made


def stepping(model: AdversarialGenerator, adams: list[Optimizer], batches: Iterator[Any]) -> Callable[[], object]:
    """Training steps of a model without a trainer."""
    model.optimizers = lambda: adams  # type: ignore[method-assign,assignment,return-value]
    model.manual_backward = Tensor.backward  # type: ignore[method-assign,assignment]
    return lambda: model.training_step(next(batches), 0)


def loaded(batches: Draws, train: TrainingSet) -> Iterator[Any]:
    """As many batches a step, each from a data loader."""
    dataset = TensorDataset(train.examples.tensor.cpu(), train.examples.labels.cpu())
    rows = iter(DataLoader(dataset, BATCH, sampler=RandomSampler(dataset, replacement=True, num_samples=10**9)))
    first = next(iter(batches))
    while True:
        x, y = zip(*(next(rows) for _ in range(batches.several)), strict=True)
        both = torch.stack(x).to(DEVICE), torch.stack(y).to(DEVICE)
        if isinstance(first, TransductiveBatch):
            yield TransductiveBatch(*both, first.classes, first.unlabelled, first.unseen)
        else:
            yield first._replace(x=both[0], y=both[1])


def train_critic(
    critic: Critic,
    steps: Any,
    lamb: float | Tensor,
    real: Tensor,
    fakes: Tensor,
    phi: Tensor,
    backward: Callable[..., None],
) -> tuple[Tensor, Tensor]:
    """Three passes back for every step: of real features, of fakes, and of the penalty through its gradient."""
    penalties = []
    for x, fake, here in zip(real, fakes, phi, strict=True):
        steps.zero_grad()
        backward(-critic(x, here).mean())
        loss = critic(fake, here).mean()
        backward(loss)
        alpha = torch.rand(len(x), 1, device=x.device)
        mixed = (alpha * x + (1 - alpha) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed, here).sum(), mixed, create_graph=True, retain_graph=True)
        penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
        backward(lamb * penalty)
        steps.step()
        penalties.append(penalty.detach())
    return loss.detach(), torch.stack(penalties).mean()
