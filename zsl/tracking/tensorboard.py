"""TensorBoard event files in ``tensorboard/``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger

from zsl.errors import InputError
from zsl.outputs.result import Result
from zsl.tracking.tracker import RunDescription


class TensorBoard:
    """Tracker that writes TensorBoard event files.

    During training ``fit/…`` by step; after the run ``selection/…`` by trial, and all metrics with the configuration
    as ``hparams``. A resumed run purges the events of the interrupted run from the step of its checkpoint on.

    Raises:
        InputError: TensorBoard is not installed.
    """

    def __init__(self) -> None:
        if find_spec("tensorboard") is None:
            raise InputError("logger=tensorboard: is not installed; pip install 'zsl[tensorboard]'")

    def begin(self, description: RunDescription) -> None:
        """Start new event files; a resumed run keeps those of the interrupted run."""
        self.description, self.stepped = description, not description.resumed
        if not description.resumed:
            folder = description.output / "tensorboard"
            for path in (*folder.glob("events.out.tfevents.*"), folder / "hparams.yaml"):
                path.unlink(missing_ok=True)
        self.logger = self._logger(None)

    def trial(self, number: int, trial: Mapping[str, Any]) -> None:
        """Do nothing: trials are written from the result, as an event cannot be written twice."""

    def step(self, number: int, losses: Mapping[str, float]) -> None:
        """Write the losses of a step."""
        if not self.stepped:
            self.logger.finalize("resumed")
            self.logger, self.stepped = self._logger(number), True
        self.logger.log_metrics({f"fit/{name}": value for name, value in losses.items()}, number)

    def record(self, result: Result, output: Path) -> None:  # noqa: ARG002
        """Write the scores of the trials, and all metrics with the configuration."""
        for number, trial in enumerate(result.selection.trials, start=1):
            self.logger.log_metrics({f"selection/{name}": trial[name] for name in ("T1", "H") if name in trial}, number)
        chosen = {"chosen": result.selection.chosen} if result.selection.chosen else {}
        self.logger.log_hyperparams(
            {**self.description.config, **self.description.facts, **chosen}, dict(result.metrics)
        )

    def close(self, finished: bool) -> None:
        """Flush and close the event files."""
        self.logger.finalize("success" if finished else "failed")

    def _logger(self, purge_step: int | None) -> TensorBoardLogger:
        return TensorBoardLogger(self.description.output, name="tensorboard", version="", purge_step=purge_step)
