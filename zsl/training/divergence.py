"""Divergence: training is stopped by an error that names the step, the losses and the cure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from pytorch_lightning import Callback, LightningModule, Trainer

from zsl.errors import DivergedError
from zsl.outputs.names import CHECKPOINT
from zsl.training.losses import losses
from zsl.training.resumption import steps_made

EXTREME = "a hyperparameter is too small or too large for floating point, or the data are; choose others"
GROWTH = 1e10
"""growth of the loss over its smallest value so far (or over 1), above which training has diverged"""


@contextmanager
def solvable() -> Iterator[None]:
    """Raise DivergedError where a closed form has no solution in floating point with its hyperparameters.

    Raises:
        DivergedError: a number was too large for its type, or a decomposition found no end.
    """
    try:
        yield
    except (OverflowError, RuntimeError, np.linalg.LinAlgError) as error:
        of_torch = type(error).__name__ == "_LinAlgError" or "without overflow" in str(error)
        if isinstance(error, RuntimeError) and not of_torch:
            raise
        raise DivergedError(f"method: {_first_sentence(error)}; {EXTREME}") from error


def _first_sentence(error: Exception) -> str:
    text = str(error.args[-1]) if error.args else type(error).__name__
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


class FiniteLoss(Callback):
    """Stop a run whose loss diverges, before a checkpoint of it replaces the last good one.

    A loss has diverged when it is not finite, or beyond 10¹⁰ and 10¹⁰ times its smallest value: in single precision a
    margin, or any other constant of the objective, is then lost in rounding. So have weights that are not finite.

    Args:
        every: steps between two checks, on a GPU.
        checkpoints: folder of the last good checkpoint, or None.
    """

    def __init__(self, every: int, checkpoints: Path | None) -> None:
        self.every = every
        self.checkpoint = None if checkpoints is None else checkpoints / CHECKPOINT
        self.bounds: dict[str, float] = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, _b: Any, batch_idx: int
    ) -> None:
        """Check the losses: every step on a CPU; on a GPU, where reading a loss waits, when logging is due."""
        if trainer.strategy.root_device.type != "cpu" and batch_idx % self.every:
            return
        values = {name: float(value) for name, value in losses(outputs).items()}
        for name, value in values.items():
            self.bounds[name] = min(self.bounds.get(name, math.inf), GROWTH * max(1.0, abs(value)))
        if not all(abs(value) < self.bounds[name] for name, value in values.items()):
            found = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in values.items())
            self._stop(trainer, pl_module, found)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, _checkpoint: dict[str, Any]) -> None:
        """Check the weights before a checkpoint is written."""
        self._check_weights(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the weights before the epoch is evaluated."""
        self._check_weights(trainer, pl_module)

    def _check_weights(self, trainer: Trainer, model: LightningModule) -> None:
        for name, weights in model.named_parameters():
            if not weights.sum().isfinite():  # one fast pass: infinities and NaN remain in a sum
                self._stop(trainer, model, f"{name} is not finite")

    def _stop(self, trainer: Trainer, model: LightningModule, what: str) -> NoReturn:
        lr = getattr(model, "lr", None)
        cure = "lower method.lr" + ("" if lr is None else f" (now {lr:g})")
        if self.checkpoint is not None and self.checkpoint.is_file():
            cure += f"; the last good checkpoint is kept: {self.checkpoint}"
        raise DivergedError(f"training diverged: {what} at step {steps_made(trainer)}; {cure}")
