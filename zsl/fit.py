"""The one training loop: a method and what it may see -> a trained method."""

from __future__ import annotations

import logging
import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from torch import Tensor

from zsl.data.scaling import require
from zsl.data.training_set import TrainingSet, stream
from zsl.errors import DivergedError, InputError
from zsl.model import ZSLModel
from zsl.resumption import (
    CHECKPOINT,
    AtomicCheckpoints,
    InterruptedRunError,
    Interruption,
    Periodic,
    RandomStreams,
    steps_made,
    whole,
)

FOUNDATIONS, HEADS = 1, 2
"""random streams beside that of the gradient steps"""
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")
GROWTH = 1e10
"""of the loss over its smallest value so far (or over 1), above which training has diverged"""


@dataclass(frozen=True)
class Loop:
    """How to train, whatever is trained: ``conf/trainer``.

    Raises:
        InputError: a value is unknown or out of range.
    """

    accelerator: str = "cpu"
    precision: str = "32-true"
    compile: bool = False
    """torch.compile the loss; worth its start-up time only in long runs"""
    checkpoint_every_n_steps: int | None = None
    """write ``checkpoints/last.ckpt`` this often; an interrupted run always writes it"""
    log_every_n_steps: int = 50
    progress_bar: bool = True

    def __post_init__(self) -> None:
        require(self.accelerator, "trainer.accelerator", ("cpu", "gpu"))
        require(self.precision, "trainer.precision", PRECISIONS)
        if self.precision == "16-mixed" and self.accelerator == "cpu":
            raise InputError("trainer.precision=16-mixed: needs a GPU; add trainer=gpu, or use bf16-mixed or 32-true")
        for key in ("log_every_n_steps", "checkpoint_every_n_steps"):
            value = getattr(self, key)
            if key == "checkpoint_every_n_steps" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"trainer.{key}={value}: must be a whole number of at least 1")


def fit(
    model: ZSLModel,
    train: TrainingSet,
    loop: Loop,
    seed: int,
    checkpoints: Path | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
) -> ZSLModel:
    """Train a method's foundations, itself by gradients where it has them, and its heads, then finalize; on the device
    that ``loop`` names.

    The training set is put on that device once and sliced there. With ``checkpoints`` the whole state (weights,
    optimizers, random streams, position in the epoch) is saved there at the asked interval and on interruption;
    ``resume`` goes on from it, to the same bits. Foundations and heads have random streams of their own; a run that is
    stopped while its heads are trained goes on with the first of these.

    Raises:
        DivergedError: training diverged.
        InputError: the device is not there, or there is nothing to resume.
        InterruptedRunError: SIGINT or SIGTERM arrived; a checkpoint was written first.
    """
    if loop.compile and model.epochs and not model.automatic_optimization:
        raise InputError("trainer.compile=true: this method makes its steps itself, uncompiled; leave it out")
    device = _device(loop)
    train = train.to(device)
    path = None if checkpoints is None else checkpoints / CHECKPOINT
    if model.epochs:
        last = whole(path, model) if resume and path else None
        if last is None:
            with _stream(seed, FOUNDATIONS):
                _fit_parts(model.foundations(train), loop, seed)
        interruption = Interruption(path)
        watch = FiniteLoss(loop, path)
        trainer = _trainer(model, loop, checkpoints, [watch, *callbacks, interruption])
        if loop.compile:
            model.loss = torch.compile(model.loss)  # type: ignore[method-assign]
        model.train()
        batches = model.batches(train, seed)
        with interruption, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pytorch_lightning|torch\.utils\._pytree")
            trainer.fit(model, batches, ckpt_path=last, weights_only=True if last else None)
    model.to(device).eval()
    if path is None or not model.epochs or type(model).heads is ZSLModel.heads:
        finish(model, train, loop, seed)
        return model
    with _resumable(trainer, path, loop):
        finish(model, train, loop, seed)
    return model


def finish(model: ZSLModel, train: TrainingSet, loop: Loop, seed: int) -> None:
    """What comes after the gradient steps: heads, then finalize. The random streams go on as if nothing had been."""
    with _stream(seed, HEADS):
        _fit_parts(model.heads(train), loop, seed)
        model.finalize(train)


def _fit_parts(parts: Iterable[tuple[ZSLModel, TrainingSet]], loop: Loop, seed: int) -> None:
    for part, train in parts:
        fit(part, train, replace(loop, compile=False, progress_bar=False), seed)


@contextmanager
def _resumable(trainer: Trainer, path: Path, loop: Loop) -> Iterator[None]:
    """Keep the end of the gradient steps until what comes after them is there."""
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
    """Closed forms of one kind that share their decompositions, each trained when it is asked for; None where the kind
    shares nothing.

    Raises:
        InputError: the device is not there.
    """
    device = _device(loop)
    return kind.solve_grid(train.to(device), (model.to(device).eval() for model in models))


def _device(loop: Loop) -> torch.device:
    if loop.accelerator == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError(f"trainer.accelerator={loop.accelerator}: no CUDA device is at hand; use trainer=cpu")
    return torch.device("cuda", torch.cuda.current_device())


def _trainer(model: ZSLModel, loop: Loop, checkpoints: Path | None, callbacks: Sequence[Callback]) -> Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    shown = loop.progress_bar and sys.stderr.isatty()
    own: list[Callback] = [*callbacks]
    if shown:
        own.append(TQDMProgressBar(refresh_rate=20))
    if checkpoints is not None:
        own.append(RandomStreams())
        if loop.checkpoint_every_n_steps:
            own.append(Periodic(checkpoints / CHECKPOINT, loop.checkpoint_every_n_steps))
    return Trainer(
        accelerator=loop.accelerator,
        devices=1,
        precision=loop.precision,  # type: ignore[arg-type]
        max_epochs=model.epochs,
        callbacks=own,
        plugins=[AtomicCheckpoints()],
        logger=False,
        log_every_n_steps=loop.log_every_n_steps,
        enable_checkpointing=False,
        enable_progress_bar=shown,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn",
    )


class FiniteLoss(Callback):
    """Stop a run whose loss diverges, before a checkpoint of it replaces the last good one.

    A loss has diverged when it is not finite, or beyond 10¹⁰ and 10¹⁰ times what it has been: in single precision
    nothing is left then of a margin, or of any other constant of the objective. So have weights that are not finite.
    """

    def __init__(self, loop: Loop, checkpoint: Path | None) -> None:
        self.every, self.checkpoint = loop.log_every_n_steps, checkpoint
        self.bounds: dict[str, float] = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, _b: Any, batch_idx: int
    ) -> None:
        """Look every step on a CPU; on a GPU, where looking means waiting for it, when logging is due."""
        losses = outputs if isinstance(outputs, dict) else {"loss": outputs}
        if trainer.strategy.root_device.type != "cpu" and batch_idx % self.every:
            return
        values = {name: float(value) for name, value in losses.items() if isinstance(value, Tensor)}
        for name, value in values.items():
            bound = self.bounds[name] = min(self.bounds.get(name, math.inf), GROWTH * max(1.0, abs(value)))
            if not abs(value) < bound:
                found = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in values.items())
                raise self._diverged(trainer, pl_module, found)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, _checkpoint: dict[str, Any]) -> None:
        """Look at the weights before they are written."""
        self._look_at_weights(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the weights that training ends with."""
        self._look_at_weights(trainer, pl_module)

    def _look_at_weights(self, trainer: Trainer, model: LightningModule) -> None:
        for name, weights in model.named_parameters():
            if not weights.isfinite().all():
                raise self._diverged(trainer, model, f"{name} is not finite")

    def _diverged(self, trainer: Trainer, model: LightningModule, what: str) -> DivergedError:
        lr = getattr(model, "lr", None)
        cure = "lower method.lr" + ("" if lr is None else f" (now {lr:g})")
        if self.checkpoint is not None and self.checkpoint.is_file():
            cure += f"; the last good checkpoint is kept: {self.checkpoint}"
        return DivergedError(f"training diverged: {what} at step {steps_made(trainer)}; {cure}")
