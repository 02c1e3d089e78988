"""Stop at any step and go on from there, to the same bits."""

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
    """The run was asked to stop; where it is ``resumable``, its state is on disk."""

    def __init__(self, where: str, resumable: bool) -> None:
        super().__init__(f"stopped at {where}")
        self.where, self.resumable = where, resumable


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

    def on_train_start(self, trainer: Trainer, _m: LightningModule) -> None:
        """Put the streams where they stood."""
        loop = trainer.fit_loop
        if loop.restarted_mid_epoch and loop.epoch_loop.batch_progress.is_last_batch:
            # after the last step of an epoch Lightning would not count the next one as begun
            loop.reset_restart_stage()
        state = getattr(self, "_state", None)
        if state is not None:
            torch.set_rng_state(state["torch"].cpu())
            if state["cuda"] and torch.cuda.is_available():
                torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])
            keys, position, has_gauss, gauss = state["numpy"]
            np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, gauss))


class Interruption(Callback):
    """SIGINT and SIGTERM finish the step at hand, write a checkpoint (where there is a ``path``), and end the run.

    A context manager around all of the fit, because Lightning's own answer to either is to end the process, to SIGTERM
    even with status 0.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.asked = False

    def __enter__(self) -> Interruption:
        """Listen."""
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Listen no longer; what was asked before the first step or after the last is answered here."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.asked and (kind is None or issubclass(kind, SystemExit | EnoughError)):
            raise KeyboardInterrupt

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    def on_train_start(self, _t: Trainer, _m: LightningModule) -> None:
        """Take SIGTERM back from Lightning."""
        signal.signal(signal.SIGTERM, self._ask)

    def on_train_batch_end(self, trainer: Trainer, _m: LightningModule, _o: Any, _b: Any, _i: int) -> None:
        """Act at the end of a step, when the state is whole."""
        self._act(trainer)

    def on_train_end(self, trainer: Trainer, _m: LightningModule) -> None:
        """Act on what was asked after the last step."""
        self._act(trainer)

    def _act(self, trainer: Trainer) -> None:
        if self.asked:
            if self.path is not None:
                trainer.save_checkpoint(self.path)
            raise InterruptedRunError(f"step {steps_made(trainer)}", resumable=self.path is not None)


class Periodic(Callback):
    """A checkpoint every so many steps."""

    def __init__(self, path: Path, steps: int) -> None:
        self.path, self.steps = path, steps

    def on_train_batch_end(self, trainer: Trainer, _m: LightningModule, _o: Any, _b: Any, _i: int) -> None:
        """Write it when it is due."""
        if steps_made(trainer) % self.steps == 0:
            trainer.save_checkpoint(self.path)


def steps_made(trainer: Trainer) -> int:
    """How many batches have been trained on; Lightning's own count adds up the steps of several optimizers."""
    return trainer.fit_loop.total_batch_idx + 1


class AtomicCheckpoints(TorchCheckpointIO):
    """A checkpoint appears by one rename beside it: Lightning's own way leads over another disk, where it can tear.

    Args:
        origin: of the run, by :func:`zsl.training.sealing.origin`; it is kept in every checkpoint.
    """

    def __init__(self, origin: bytes = NOWHERE) -> None:
        super().__init__()
        self.origin = origin

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:  # noqa: ARG002
        """Write the checkpoint."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_bytes(Path(path), sealed(content.getvalue(), self.origin))
