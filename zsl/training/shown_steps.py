"""Progress of gradient steps."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from zsl.progress.progress import Progress
from zsl.training.resumption import steps_made


class ShownSteps(Callback):
    """Lightning callback that shows how many steps are made, with the epoch, the loss and validation metrics.

    Args:
        progress: progress in steps; opened and closed by the caller.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_start(self, trainer: Trainer, _m: LightningModule) -> None:
        """Count the steps before a checkpoint as done."""
        self.progress.resume(steps_made(trainer))

    def on_train_batch_end(self, trainer: Trainer, _m: LightningModule, _o: Any, _b: Any, _i: int) -> None:
        """Count a step."""
        self.progress.update(steps_made(trainer), lambda: _told(trainer))


def _told(trainer: Trainer) -> str:
    metrics = {name: float(value) for name, value in trainer.progress_bar_metrics.items()}
    return ", ".join([f"epoch {trainer.current_epoch + 1}", *(f"{k} {v:.4g}" for k, v in metrics.items())])
