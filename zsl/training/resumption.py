"""Interruption of training at any step, and resumption that is bit-identical."""

from __future__ import annotations

import io
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.plugins.io import TorchCheckpointIO

from zsl.errors import EnoughError
from zsl.files.atomic import write_bytes
from zsl.training.sealing import NOWHERE, sealed

CURE = "start without resume (several runs: with rerun=true), or name the interrupted run by paths.output"


class InterruptedRunError(Exception):
    """An interruption of the run, by SIGINT or SIGTERM; a ``resumable`` run has its state on disk."""

    def __init__(self, where: str, resumable: bool) -> None:
        super().__init__(f"stopped at {where}")
        self.where, self.resumable = where, resumable


class RandomStreams(Callback):
    """Global random states of torch and numpy, saved in the checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """Return the states in plain containers and tensors, because checkpoints are read with ``weights_only``."""
        _, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        numpy_state = [torch.from_numpy(np.asarray(keys).astype(np.int64)), int(position), int(has_gauss), float(gauss)]
        return {"torch": torch.get_rng_state(), "cuda": cuda, "numpy": numpy_state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Store the states until training starts, because building the trainer draws random numbers."""
        self._state = state_dict

    def on_train_start(self, trainer: Trainer, _m: LightningModule) -> None:
        """Restore the random states."""
        loop = trainer.fit_loop
        if loop.restarted_mid_epoch and loop.epoch_loop.batch_progress.is_last_batch:
            # after the last step of an epoch Lightning would not count the start of the next one
            loop.reset_restart_stage()
        state = getattr(self, "_state", None)
        if state is not None:
            torch.set_rng_state(state["torch"].cpu())
            if state["cuda"] and torch.cuda.is_available():
                torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])
            keys, position, has_gauss, gauss = state["numpy"]
            np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, gauss))


class Interruption(Callback):
    """Handler of SIGINT and SIGTERM: the current step ends, a checkpoint goes to ``path`` if given, the run ends.

    A context manager around all of the fit, because Lightning's own handlers end the process, after SIGTERM even with
    status 0.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.requested = False

    def __enter__(self) -> Interruption:
        """Install the signal handlers."""
        self._previous = {number: signal.signal(number, self._request) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Restore the previous handlers.

        Raises:
            KeyboardInterrupt: a signal came before the first step or after the last.
        """
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self.requested and (kind is None or issubclass(kind, SystemExit | EnoughError)):
            raise KeyboardInterrupt

    def _request(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True

    def on_train_start(self, _t: Trainer, _m: LightningModule) -> None:
        """Install the handler of SIGTERM again, which Lightning replaces."""
        signal.signal(signal.SIGTERM, self._request)

    def on_train_batch_end(self, trainer: Trainer, _m: LightningModule, _o: Any, _b: Any, _i: int) -> None:
        """Stop at the end of a step, when the state is complete, if a signal came."""
        self._stop_if_requested(trainer)

    def on_train_end(self, trainer: Trainer, _m: LightningModule) -> None:
        """Stop if a signal came after the last step."""
        self._stop_if_requested(trainer)

    def _stop_if_requested(self, trainer: Trainer) -> None:
        if self.requested:
            if self.path is not None:
                trainer.save_checkpoint(self.path)
            raise InterruptedRunError(f"step {steps_made(trainer)}", resumable=self.path is not None)


class Periodic(Callback):
    """Periodic checkpoints, one every ``steps`` steps."""

    def __init__(self, path: Path, steps: int) -> None:
        self.path, self.steps = path, steps

    def on_train_batch_end(self, trainer: Trainer, _m: LightningModule, _o: Any, _b: Any, _i: int) -> None:
        """Write a checkpoint when one is due."""
        if steps_made(trainer) % self.steps == 0:
            trainer.save_checkpoint(self.path)


def steps_made(trainer: Trainer) -> int:
    """Return the number of batches trained on; Lightning's own count adds up the steps of several optimizers."""
    return trainer.fit_loop.total_batch_idx + 1


class AtomicCheckpoints(TorchCheckpointIO):
    """Atomic writes of checkpoints, by one rename within a folder; Lightning moves files across disks, not atomically.

    Args:
        origin: identity of the run, by :func:`zsl.training.sealing.origin`, stored in every checkpoint.
    """

    def __init__(self, origin: bytes = NOWHERE) -> None:
        super().__init__()
        self.origin = origin

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:  # noqa: ARG002
        """Write the checkpoint."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_bytes(Path(path), sealed(content.getvalue(), self.origin))
