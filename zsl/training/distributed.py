"""Gradient steps by several processes, each on its share of every batch: Lightning's DDP."""

from __future__ import annotations

import gc
import warnings
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DDPStrategy
from torch import distributed
from torch.multiprocessing.spawn import ProcessRaisedException

from zsl.data.reopened import send_maps_by_name
from zsl.data.training_set import Batches
from zsl.errors import DivergedError, InputError
from zsl.methods.method import ZSLModel
from zsl.progress.progress import Progress
from zsl.training.divergence import FiniteLoss
from zsl.training.loop import Loop
from zsl.training.shown_steps import ShownSteps
from zsl.training.trainer import ignore_warnings, make_trainer, silence

BACKENDS = {"cpu": "gloo", "gpu": "nccl"}


def require_distributable(model: ZSLModel, loop: Loop) -> None:
    """Refuse a method without gradient steps, or whose loss on a batch is not the mean of its losses on the images.

    Raises:
        InputError: the method does not say that it is.
    """
    if loop.devices > 1 and not (model.epochs and model.distributable):
        name = type(model).__name__
        why = f"the batches of {name} cannot be divided among processes" if model.epochs else f"{name} has no steps"
        raise InputError(f"trainer.devices={loop.devices}: {why}; use trainer.devices=1")


def descend_together(model: ZSLModel, batches: Batches, loop: Loop) -> None:
    """Make the gradient steps with ``loop.devices`` processes, each of which takes ``batch_size`` images a step.

    The weights are those of one process with as many times the batch size. There are no checkpoints.

    Raises:
        DivergedError: training diverged.
        RuntimeError: a process ended with another exception.
    """
    send_maps_by_name()
    batches.divide(loop.devices)
    shown = ShownByFirst(model.epochs * len(batches), loop)
    callbacks = [FiniteLoss(loop.log_every_n_steps, None), shown, Parting()]
    strategy = DDPStrategy(start_method="spawn", process_group_backend=BACKENDS[loop.accelerator])
    trainer = make_trainer(model, loop, callbacks, strategy=strategy, use_distributed_sampler=False)
    model.train()
    try:
        with warnings.catch_warnings():
            ignore_warnings()
            trainer.fit(model, batches)
    except ProcessRaisedException as error:
        kind, _, told = str(error).rstrip().rpartition("\n")[2].partition(": ")
        if kind.endswith(DivergedError.__name__):
            raise DivergedError(told) from None
        raise
    finally:
        batches.close()


class ShownByFirst(Callback):
    """Progress of the steps, shown by the first process."""

    def __init__(self, steps: int, loop: Loop) -> None:
        self.steps, self.loop = steps, loop

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Silence Lightning in a process that begins, before it says so."""
        self.__dict__.update(state)
        silence()
        ignore_warnings()

    def on_train_start(self, trainer: Trainer, _m: LightningModule) -> None:
        """Open the progress."""
        shown = self.loop.progress_bar and trainer.is_global_zero
        self.progress = Progress("training", self.steps, "steps", shown)
        self.progress.__enter__()
        self.told = ShownSteps(self.progress)

    def on_train_batch_end(self, trainer: Trainer, model: LightningModule, *outcome: object) -> None:
        """Count a step."""
        self.told.on_train_batch_end(trainer, model, *outcome)  # type: ignore[arg-type]

    def on_train_end(self, _t: Trainer, _m: LightningModule) -> None:
        """Close the progress."""
        self.progress.__exit__()
        del self.progress, self.told


class Parting(Callback):
    """Processes that leave their group before they end, where training ended well.

    Threads of the group that still run while the interpreter is taken down can abort the process (SIGABRT).
    """

    def teardown(self, _t: Trainer, _m: LightningModule, stage: str) -> None:  # noqa: ARG002 - passed by name
        """End the group and its threads; the wrapper of the model, which refers to the group, is garbage by now."""
        gc.collect()
        distributed.destroy_process_group()
