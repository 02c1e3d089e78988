"""Callback that passes losses from the training loop to the trackers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from zsl.training.losses import losses
from zsl.training.resumption import steps_made


class Steps(Callback):
    """Report the losses of the first step, of every ``trainer.log_every_n_steps``-th step and of the last step.

    After an epoch, report what the method tells of itself (``ZSLModel.diagnose``).

    A step is one batch, whatever the number of optimizers. Losses are read from the device only where they are
    reported.

    Args:
        report: is called with the number of the step, from 1, and a mapping of the epoch and the losses by name.
    """

    def __init__(self, report: Callable[[int, Mapping[str, float]], None]) -> None:
        self.report = report

    def on_train_batch_end(
        self, trainer: Trainer, _model: LightningModule, outputs: Any, _batch: Any, _batch_idx: int
    ) -> None:
        """Report the losses of this step where logging is due."""
        if _is_due(trainer):
            values = {name: float(value) for name, value in losses(outputs).items()}
            self.report(steps_made(trainer), {"epoch": trainer.current_epoch + 1, **values})

    def on_train_epoch_end(self, trainer: Trainer, model: LightningModule) -> None:
        """Report what the method tells of itself after this epoch."""
        if told := getattr(model, "diagnosis", None):
            self.report(steps_made(trainer), {"epoch": trainer.current_epoch + 1, **told})


def _is_due(trainer: Trainer) -> bool:
    step = steps_made(trainer)
    last = int(trainer.max_epochs or 0) * int(trainer.num_training_batches)
    return step % trainer.log_every_n_steps == 0 or step in (1, last)  # type: ignore[attr-defined]
