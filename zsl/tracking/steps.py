"""From the training loop to the trackers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from zsl.resumption import steps_made


class Steps(Callback):
    """Hand on the losses that a step returns: of the first, of every ``trainer.log_every_n_steps``-th, of the last.

    Steps are batches, whatever the number of optimizers; where nothing is due, nothing is read from the device.

    Args:
        watch: is handed the number of the step, from 1, and the epoch and the losses by name.
    """

    def __init__(self, watch: Callable[[int, Mapping[str, float]], None]) -> None:
        self.watch = watch

    def on_train_batch_end(
        self, trainer: Trainer, _model: LightningModule, outputs: Any, _batch: Any, _batch_idx: int
    ) -> None:
        """Hand them on where they are due."""
        if _is_due(trainer):
            values = {name: float(value) for name, value in _losses(outputs).items()}
            self.watch(steps_made(trainer), {"epoch": trainer.current_epoch + 1, **values})


class KeptSteps(Callback):
    """Keep such losses of several runs that are trained together; they travel with the checkpoint.

    Each run's trackers begin when the others' have ended: none of them need bear another beside it.

    Args:
        runs: their number.
    """

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.steps: list[tuple[int, int, dict[str, list[float]]]] = []
        """number of the step, epoch, losses of each run by name"""

    def on_train_batch_end(
        self, trainer: Trainer, _model: LightningModule, outputs: Any, _batch: Any, _batch_idx: int
    ) -> None:
        """Keep them where they are due."""
        if _is_due(trainer):
            losses = {name: value.flatten().tolist() for name, value in _losses(outputs).items()}
            each = {name: values for name, values in losses.items() if len(values) == self.runs}
            self.steps.append((steps_made(trainer), trainer.current_epoch + 1, each))

    def of(self, run: int) -> Iterator[tuple[int, Mapping[str, float]]]:
        """What :class:`Steps` would have handed on of it by itself."""
        for number, epoch, each in self.steps:
            yield number, {"epoch": epoch, **{name: values[run] for name, values in each.items()}}

    def state_dict(self) -> dict[str, Any]:
        """All so far."""
        return {"steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after those."""
        self.steps = list(state_dict["steps"])


def _is_due(trainer: Trainer) -> bool:
    step = steps_made(trainer)
    last = int(trainer.max_epochs or 0) * int(trainer.num_training_batches)
    return step % trainer.log_every_n_steps == 0 or step in (1, last)  # type: ignore[attr-defined]


def _losses(outputs: Any) -> dict[str, Tensor]:
    losses = outputs if isinstance(outputs, dict) else {"loss": outputs}
    return {name: value for name, value in losses.items() if isinstance(value, Tensor)}
