"""Progress of gradient steps."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from zsl.progress.progress import Progress
from zsl.training.losses import losses
from zsl.training.resumption import steps_made


class ShownSteps(Callback):
    """Lightning callback that shows how many steps are made, with the epoch, the losses and validation metrics.

    Args:
        progress: progress in steps; opened and closed by the caller.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_start(self, trainer: Trainer, _m: LightningModule) -> None:
        """Count the steps before a checkpoint as done."""
        self.progress.resume(steps_made(trainer))

    def on_train_batch_end(self, trainer: Trainer, _m: LightningModule, outputs: Any, _b: Any, _i: int) -> None:
        """Count a step."""
        self.progress.update(steps_made(trainer), lambda: _told(trainer, outputs))


def _told(trainer: Trainer, outputs: Any) -> str:
    told: dict[str, Any] = {**losses(outputs), **trainer.progress_bar_metrics}
    values = (f"{name} {float(value):.4g}" for name, value in told.items())
    return ", ".join([f"epoch {trainer.current_epoch + 1}", *values])
