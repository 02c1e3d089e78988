"""Several runs of one method trained together: their weights along a leading dimension, every product one for all."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import Optimizer

from zsl.checkpoint import whole
from zsl.data.training_set import Abreast, TrainingSet, stream
from zsl.divergence import FiniteLoss
from zsl.errors import DivergedError
from zsl.fit import FOUNDATIONS, HEADS, Loop, descend, device_of, finishing, fit
from zsl.model import ZSLModel
from zsl.random_streams import Stream, side_by_side
from zsl.resumption import CHECKPOINT
from zsl.sealing import NOWHERE

WARM_UP, TIMED = 2, 5
"""steps that are made to find out how long one takes"""


@dataclass
class Run:
    """One of several runs: a method, what it learns from, its seed, and where its random numbers come from."""

    model: ZSLModel
    train: TrainingSet
    seed: int
    stream: Stream
    diverged: DivergedError | None = None
    """how, if it did"""


def fit_together(
    runs: Sequence[Run],
    loop: Loop,
    checkpoints: Path | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    origin: bytes = NOWHERE,
) -> None:
    """Train each run as :func:`zsl.fit.fit` does by itself, all of them at once.

    Foundations and heads are trained together too, where their steps are written for it, and one after another where
    not. Random numbers are those of the solo runs, and so are weights, but for how a batched product is rounded. A
    checkpoint holds all of them. A run that diverges keeps the reason in ``diverged``; the others go on.

    Raises:
        InputError: the device is not there, or there is nothing to resume.
        InterruptedRunError: SIGINT or SIGTERM arrived; a checkpoint was written first.
    """
    device = device_of(loop)
    for run in runs:
        run.train = run.train.to(device)
    if not runs[0].model.together:
        _one_after_another(runs, loop)
        return
    last = None
    if resume and checkpoints is not None:
        last = whole(checkpoints / CHECKPOINT, stacked([run.model for run in runs]), origin)
    if last is None:
        _fit_parts(runs, FOUNDATIONS, lambda run: run.model.foundations(run.train), loop)
    watch = FiniteLoss(loop.log_every_n_steps, checkpoints, len(runs))
    watch.diverged = {place: run.diverged for place, run in enumerate(runs) if run.diverged}
    if len(watch.diverged) == len(runs):
        return
    models, streams = [run.model.to(device) for run in runs], [run.stream for run in runs]
    batches = Abreast([run.model.batches(run.train, run.seed) for run in runs])
    stack = stacked(models)
    with side_by_side(streams), suppress(DivergedError):
        trainer = descend(stack, batches, loop, checkpoints, last, [watch, *callbacks], streams, origin)
    for place, error in watch.diverged.items():
        runs[place].diverged = error
    if len(watch.diverged) == len(runs):
        return
    _unstack(stack, models)
    runs = [run for run in runs if run.diverged is None]
    with finishing(trainer, checkpoints, loop):
        for run, own in _fit_parts(runs, HEADS, lambda run: run.model.eval().heads(run.train), loop):
            with own.alone():
                run.model.finalize(run.train)


def seconds_a_step(runs: Sequence[Run], loop: Loop) -> tuple[float, float]:
    """How long all runs take for a step one after another, and together: the quickest of a few steps of copies, here
    and now. The runs stay as they are.
    """
    device = device_of(loop)
    for run in runs:
        run.train = run.train.to(device)
        run.model.to(device)
    alone = _seconds(copy.deepcopy(runs[0].model), runs[:1], loop)
    return len(runs) * alone, _seconds(stacked([run.model for run in runs]), runs, loop)


def _seconds(model: ZSLModel, runs: Sequence[Run], loop: Loop) -> float:
    each = [run.model.batches(run.train, run.seed) for run in runs]
    stopwatch = Stopwatch()
    with torch.random.fork_rng(), side_by_side([Stream() for run in runs if len(runs) > 1]):
        batches = Abreast(each) if len(each) > 1 else each[0]
        descend(model, batches, replace(loop, progress_bar=False), None, None, [stopwatch])
    return min(stopwatch.seconds)


class Stopwatch(Callback):
    """Time a few steps, and stop."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, _m: LightningModule, _b: Any, _i: int) -> None:
        """A step begins."""
        self._wait(trainer)
        self.start = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, _m: LightningModule, _o: Any, _b: Any, _i: int) -> None:
        """A step ends."""
        self._wait(trainer)
        self.seconds.append(time.perf_counter() - self.start)
        trainer.should_stop = len(self.seconds) == WARM_UP + TIMED

    def _wait(self, trainer: Trainer) -> None:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()


def stacked(models: Sequence[ZSLModel]) -> ZSLModel:
    """One like these, whose weights and buffers are all of theirs along a new first dimension."""
    stack = copy.deepcopy(models[0])
    for whole_part, *parts in zip(stack.modules(), *(model.modules() for model in models), strict=True):
        for name, _ in list(whole_part.named_parameters(recurse=False)):
            weights = torch.stack([getattr(part, name).detach() for part in parts])
            setattr(whole_part, name, nn.Parameter(weights))
        for name, _ in list(whole_part.named_buffers(recurse=False)):
            setattr(whole_part, name, torch.stack([getattr(part, name) for part in parts]))
    stack.configure_optimizers = partial(_each_by_itself, stack.configure_optimizers)  # type: ignore[method-assign]
    return stack


def _each_by_itself(configure: Callable[[], Any]) -> Optimizer | list[Optimizer]:
    """Let optimizers step the weights of each run as tensors of their own, which are views of those of all.

    Not for the mathematics, which is by element: but fused Adam on a CPU rounds the last few elements of a tensor in
    another way than the others, and adversarial training makes as much of that as of any other difference.
    """
    optimizers: Optimizer | list[Optimizer] = configure()
    for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
        for group in optimizer.param_groups:
            views = [weights.detach().unbind() for weights in group["params"]]
            for weights, own in zip(group["params"], views, strict=True):
                weights.register_post_accumulate_grad_hook(partial(_hand_over, own))
            group["params"] = [view for own in views for view in own]
    return optimizers


def _hand_over(views: Sequence[Tensor], weights: Tensor) -> None:
    assert weights.grad is not None
    for view, gradient in zip(views, weights.grad.unbind(), strict=True):
        view.grad = gradient if view.grad is None else view.grad + gradient
    weights.grad = None


@torch.no_grad()
def _unstack(stack: ZSLModel, models: Sequence[ZSLModel]) -> None:
    for name, together in stack.state_dict().items():
        for model, own in zip(models, together, strict=True):
            model.state_dict()[name].copy_(own)


def _one_after_another(runs: Sequence[Run], loop: Loop) -> None:
    for run in runs:
        try:
            with run.stream.alone():
                fit(run.model, run.train, loop, run.seed)
        except DivergedError as error:
            run.diverged = error


def _fit_parts(
    runs: Sequence[Run], stage: int, parts_of: Callable[[Run], Iterable[tuple[ZSLModel, TrainingSet]]], loop: Loop
) -> list[tuple[Run, Stream]]:
    """Train the parts of all runs, the first ones together, then the second ones; the runs that go on, and where the
    random stream of that stage is for each.
    """
    loop = replace(loop, compile=False, progress_bar=False)
    each = [(run, iter(parts_of(run)), Stream.of(stream(run.seed, stage))) for run in runs]
    while each:
        parts = []
        for run, iterator, own in each:
            with own.alone():
                found = next(iterator, None)
            parts += [Run(*found, run.seed, own)] if found else []
        if not parts:
            break
        fit_together(parts, loop)
        for (run, _, _), part in zip(each, parts, strict=True):
            run.diverged = part.diverged
        each = [trained for trained in each if trained[0].diverged is None]
    return [(run, own) for run, _, own in each]
