"""Training that diverges is stopped, with the step, the losses and the cure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from zsl.errors import DivergedError
from zsl.resumption import CHECKPOINT, steps_made

EXTREME = "a hyperparameter is too small or too large for floating point, or the data are; choose others"
GROWTH = 1e10
"""of the loss over its smallest value so far (or over 1), above which training has diverged"""


@contextmanager
def solvable() -> Iterator[None]:
    """Say in one line that a closed form has no solution in floating point with the hyperparameters it was given.

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

    A loss has diverged when it is not finite, or beyond 10¹⁰ and 10¹⁰ times what it has been: in single precision
    nothing is left then of a margin, or of any other constant of the objective. So have weights that are not finite.
    Of several runs that are trained together, those that diverge are kept in ``diverged``, and the others go on.

    Args:
        every: steps between two looks, on a GPU.
        checkpoints: folder of the last good one, or None.
        runs: how many runs are trained.
    """

    def __init__(self, every: int, checkpoints: Path | None, runs: int = 1) -> None:
        self.every, self.runs = every, runs
        self.checkpoint = None if checkpoints is None else checkpoints / CHECKPOINT
        self.bounds: dict[tuple[str, int], float] = {}
        self.diverged: dict[int, DivergedError] = {}

    def state_dict(self) -> dict[str, Any]:
        """Which runs diverged, and how."""
        return {"diverged": {run: str(error) for run, error in self.diverged.items()}} if self.diverged else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """They did."""
        self.diverged = {run: DivergedError(how) for run, how in state_dict["diverged"].items()}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, _b: Any, batch_idx: int
    ) -> None:
        """Look every step on a CPU; on a GPU, where looking means waiting for it, when logging is due."""
        losses = outputs if isinstance(outputs, dict) else {"loss": outputs}
        if trainer.strategy.root_device.type != "cpu" and batch_idx % self.every:
            return
        values = {name: value.flatten().tolist() for name, value in losses.items() if isinstance(value, Tensor)}
        for run in range(self.runs):
            own = {name: value[run] for name, value in values.items() if len(value) == self.runs}
            self._bound(run, own)
            if not all(abs(value) < self.bounds[name, run] for name, value in own.items()):
                found = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in own.items())
                self._end(run, trainer, pl_module, found)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, _checkpoint: dict[str, Any]) -> None:
        """Look at the weights before they are written."""
        self._look_at_weights(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the weights before they are measured or kept."""
        self._look_at_weights(trainer, pl_module)

    def _bound(self, run: int, losses: Mapping[str, float]) -> None:
        for name, value in losses.items():
            before = self.bounds.get((name, run), math.inf)
            self.bounds[name, run] = min(before, GROWTH * max(1.0, abs(value)))

    def _look_at_weights(self, trainer: Trainer, model: LightningModule) -> None:
        for name, weights in model.named_parameters():
            each = weights.isfinite().reshape(self.runs, weights.numel() // self.runs)
            for run, finite in enumerate(each.all(dim=1).tolist()):
                if not finite:
                    self._end(run, trainer, model, f"{name} is not finite")

    def _end(self, run: int, trainer: Trainer, model: LightningModule, what: str) -> None:
        if run in self.diverged:
            return
        lr = getattr(model, "lr", None)
        cure = "lower method.lr" + ("" if lr is None else f" (now {lr:g})")
        if self.checkpoint is not None and self.checkpoint.is_file():
            cure += f"; the last good checkpoint is kept: {self.checkpoint}"
        error = DivergedError(f"training diverged: {what} at step {steps_made(trainer)}; {cure}")
        self.diverged[run] = error
        if len(self.diverged) == self.runs:
            raise error
