"""The training loop of all methods: from an untrained method and its training set to a trained method."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from pytorch_lightning import Callback, Trainer, seed_everything

from zsl.data.training_set import Batches, TrainingSet, stream
from zsl.errors import InputError
from zsl.methods.method import ZSLModel
from zsl.outputs.names import CHECKPOINT
from zsl.progress.progress import Progress
from zsl.training.checkpoint import require_resumable
from zsl.training.distributed import descend_together, require_distributable
from zsl.training.divergence import FiniteLoss, solvable
from zsl.training.loop import Loop
from zsl.training.random_draws import detect_random_draws
from zsl.training.resumption import AtomicCheckpoints, InterruptedRunError, Interruption, Periodic, RandomStreams
from zsl.training.sealing import NOWHERE
from zsl.training.shown_steps import ShownSteps
from zsl.training.trainer import ignore_warnings, make_trainer
from zsl.training.watching import Budget, Diagnoses

log = logging.getLogger(__name__)
FOUNDATIONS, HEADS = 1, 2
"""keys of the random streams of parts, beside the stream of the gradient steps"""


def initialised(build: Callable[[], ZSLModel], seed: int) -> ZSLModel:
    """Build a method with initial weights that follow from the seed, and record whether it drew random numbers.

    The global random states of Python, NumPy and PyTorch are seeded.
    """
    seed_everything(seed, verbose=False)
    with detect_random_draws() as draws:
        model = build()
    model.uses_randomness = draws.any
    return model


def fit(
    model: ZSLModel,
    train: TrainingSet,
    loop: Loop,
    seed: int,
    checkpoints: Path | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    origin: bytes = NOWHERE,
) -> ZSLModel:
    """Train a method in place, and return it: foundations, gradient steps, heads, then :meth:`~.ZSLModel.finalize`.

    The training set is moved once to the device that ``loop`` names, and sliced there. The whole state (weights,
    optimizers, random states, position in the epoch) is saved to the folder ``checkpoints`` at the interval of ``loop``
    and on interruption; a run resumed from it is bit-identical. Foundations and heads have random streams of their own;
    a run that is stopped while heads are trained resumes with the first head.

    Raises:
        DivergedError: training diverged.
        InputError: there is no such device, or nothing to resume, or the method cannot be trained on several devices.
        InterruptedRunError: SIGINT or SIGTERM arrived; a checkpoint was written first.
    """
    if loop.compile and model.epochs and not model.automatic_optimization:
        raise InputError("trainer.compile=true: this method makes its steps itself, uncompiled; leave it out")
    require_distributable(model, loop)
    device = device_of(loop)
    together = loop.devices > 1
    steps = model.epochs > 0 and not together
    train = model.prepared(train) if together else model.to(device).prepared(train.to(device))
    last = require_resumable(checkpoints / CHECKPOINT, model, origin) if resume and checkpoints and steps else None
    if last is None:
        with _stream(seed, FOUNDATIONS):
            model.uses_randomness |= _fit_parts(model.foundations(train), loop, seed)
    if together:
        if callbacks:
            log.warning("trainer.devices=%d: the losses of the steps are not tracked", loop.devices)
        descend_together(model, model.batches(train, seed), loop)
        finish(model.to(device).eval(), train.to(device), loop, seed)
        return model
    if not model.epochs:
        finish(model.eval(), train, loop, seed)
        return model
    watch: list[Callback] = [FiniteLoss(loop.log_every_n_steps, checkpoints)]
    watch += [] if model.budget is None else [Budget(model.budget)]
    watch += [] if type(model).diagnose is ZSLModel.diagnose else [Diagnoses()]
    trainer = descend(model, model.batches(train, seed), loop, checkpoints, last, [*watch, *callbacks], origin=origin)
    model.to(device).eval()
    with finishing(trainer, None if type(model).heads is ZSLModel.heads else checkpoints, loop):
        finish(model, train, loop, seed)
    return model


def descend(
    model: ZSLModel,
    batches: Batches,
    loop: Loop,
    checkpoints: Path | None,
    last: Path | None,
    callbacks: Sequence[Callback],
    origin: bytes = NOWHERE,
) -> Trainer:
    """Make the gradient steps, from the checkpoint ``last`` on if there is one, and return the trainer.

    The batches are closed afterwards: trainers are parts of cycles of references, and would hold the images until the
    garbage collector runs.
    """
    interruption = Interruption(None if checkpoints is None else checkpoints / CHECKPOINT)
    saved: list[Callback] = [] if checkpoints is None else [RandomStreams()]
    progress = Progress("training", model.epochs * len(batches), "steps", loop.progress_bar)
    if checkpoints is not None and loop.checkpoint_every_n_steps:
        saved.append(Periodic(checkpoints / CHECKPOINT, loop.checkpoint_every_n_steps))
    own = [*callbacks, ShownSteps(progress), interruption, *saved]
    trainer = make_trainer(model, loop, own, plugins=[AtomicCheckpoints(origin)])
    if loop.compile:
        model.loss = torch.compile(model.loss)  # type: ignore[method-assign]
    model.train()
    with interruption, closing(batches), progress, warnings.catch_warnings():
        ignore_warnings()
        trainer.fit(model, batches, ckpt_path=last, weights_only=True if last else None)
    return trainer


def finish(model: ZSLModel, train: TrainingSet, loop: Loop, seed: int) -> None:
    """Train the heads and finalize, after the gradient steps; the global random state of torch is restored."""
    with _stream(seed, HEADS), detect_random_draws() as draws:
        random_parts = _fit_parts(model.heads(train), loop, seed)
        with solvable():
            model.finalize(train)
    model.uses_randomness = model.uses_randomness or random_parts or draws.any


def _fit_parts(parts: Iterable[tuple[ZSLModel, TrainingSet]], loop: Loop, seed: int) -> bool:
    """Train parts, and return whether one of them used random numbers."""
    random = False
    for part, train in parts:
        fit(part, train, replace(loop, devices=1, compile=False, progress_bar=False), seed)
        random = random or not part.deterministic
    return random


@contextmanager
def finishing(trainer: Trainer, checkpoints: Path | None, loop: Loop) -> Iterator[None]:
    """Hold a checkpoint of the end of the gradient steps, if there is a folder for it, until the block is left.

    Raises:
        InterruptedRunError: the run was stopped within the block.
    """
    if checkpoints is None:
        yield
        return
    path = checkpoints / CHECKPOINT
    trainer.save_checkpoint(path)
    try:
        yield
    except (InterruptedRunError, KeyboardInterrupt):
        raise InterruptedRunError("the heads, which will begin again", resumable=True) from None
    if not loop.checkpoint_every_n_steps:
        path.unlink()


@contextmanager
def _stream(seed: int, stage: int) -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(stream(seed, stage))
        yield


def fit_grid(
    kind: type[ZSLModel], models: Iterable[ZSLModel], train: TrainingSet, loop: Loop
) -> Iterator[ZSLModel] | None:
    """Yield closed forms of one class, trained with shared decompositions; None where the class shares nothing.

    Raises:
        InputError: there is no such device.
        DivergedError: of the iterator: a model has no solution in floating point.
    """
    device = device_of(loop)
    solved = kind.solve_grid(train.to(device), (model.to(device).eval() for model in models))
    return None if solved is None else _solvable(solved)


def _solvable(solved: Iterator[ZSLModel]) -> Iterator[ZSLModel]:
    with solvable():
        yield from solved


def device_of(loop: Loop) -> torch.device:
    """Return the device that ``loop`` names.

    Raises:
        InputError: there is no such device.
    """
    if loop.accelerator == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError(f"trainer.accelerator={loop.accelerator}: no CUDA device is at hand; use trainer=cpu")
    return torch.device("cuda", torch.cuda.current_device())
