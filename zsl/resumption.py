"""Stop at any step and go on from there, to the same bits."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer


class InterruptedRunError(Exception):
    """The run was asked to stop, and its state is in a checkpoint."""


class RandomStreams(Callback):
    """The state of torch's and numpy's global random streams travels with the checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors only: checkpoints are read with ``weights_only``."""
        _, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        numpy_state = [torch.from_numpy(np.asarray(keys).astype(np.int64)), int(position), int(has_gauss), float(gauss)]
        return {"torch": torch.get_rng_state(), "cuda": cuda, "numpy": numpy_state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Kept until training starts: building the trainer draws random numbers of its own."""
        self._state = state_dict

    def on_train_start(self, _t: Trainer, _m: LightningModule) -> None:
        """Put the streams where they stood."""
        state = getattr(self, "_state", None)
        if state is not None:
            torch.set_rng_state(state["torch"].cpu())
            if state["cuda"] and torch.cuda.is_available():
                torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])
            keys, position, has_gauss, gauss = state["numpy"]
            np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, gauss))


class Interruption(Callback):
    """SIGINT and SIGTERM finish the step at hand, write a checkpoint, and end the run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked = False
        self._before: dict[int, Any] = {}

    def on_train_start(self, _t: Trainer, _m: LightningModule) -> None:
        """Listen."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    def on_train_batch_end(self, trainer: Trainer, _m: LightningModule, _o: Any, _b: Any, _i: int) -> None:
        """Act at the end of a step, when the state is whole."""
        if self.asked:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            trainer.save_checkpoint(self.path)
            raise InterruptedRunError(f"stopped at step {trainer.global_step}; go on with resume=true")

    def teardown(self, _t: Trainer, _m: LightningModule, stage: str) -> None:  # noqa: ARG002
        """Listen no longer."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
