"""Stop at any step and go on from there, to the same bits."""

from __future__ import annotations

import io
import signal
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.plugins.io import TorchCheckpointIO

from zsl.errors import EnoughError, InputError
from zsl.model import ZSLModel
from zsl.random_streams import Stream
from zsl.regular_file import open_regular
from zsl.reporting.atomic import write_bytes
from zsl.sealing import NOWHERE, require_seal, sealed
from zsl.trials import NAME

CHECKPOINT = "last.ckpt"
MT19937 = 624
"""32-bit words in the state of NumPy's generator"""
CURE = "start without resume (several runs: with rerun=true), or name the interrupted run by paths.output"


class InterruptedRunError(Exception):
    """The run was asked to stop; where it is ``resumable``, its state is on disk."""

    def __init__(self, where: str, resumable: bool) -> None:
        super().__init__(f"stopped at {where}")
        self.where, self.resumable = where, resumable


class RandomStreams(Callback):
    """The state of torch's and numpy's global random streams travels with the checkpoint, and those of runs that are
    trained together.
    """

    def __init__(self, streams: Sequence[Stream] = ()) -> None:
        self.streams = streams

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors only: checkpoints are read with ``weights_only``."""
        _, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        numpy_state = [torch.from_numpy(np.asarray(keys).astype(np.int64)), int(position), int(has_gauss), float(gauss)]
        own = [stream.state() for stream in self.streams]
        return {"torch": torch.get_rng_state(), "cuda": cuda, "numpy": numpy_state, "streams": own}

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
            for stream, saved in zip(self.streams, state["streams"], strict=True):
                stream.resume(saved)


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
        origin: of the run, by :func:`zsl.sealing.origin`; it is kept in every checkpoint.
    """

    def __init__(self, origin: bytes = NOWHERE) -> None:
        super().__init__()
        self.origin = origin

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:  # noqa: ARG002
        """Write the checkpoint."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_bytes(Path(path), sealed(content.getvalue(), self.origin))


def require_begun(checkpoints: Path) -> None:
    """Refuse to go on from nothing.

    Raises:
        InputError: the folder holds neither a checkpoint nor trials.
    """
    if not any((checkpoints / name).is_file() for name in (CHECKPOINT, NAME)):
        raise InputError(
            f"resume=true: {checkpoints / CHECKPOINT} is not there (the same configuration writes it); {CURE}"
        )


def whole(path: Path, model: ZSLModel, origin: bytes = NOWHERE) -> Path:
    """Return the path of a checkpoint that this model can go on from.

    It is read with ``weights_only``, so that nothing runs, and held against the model before training begins.

    Raises:
        InputError: there is none, it is damaged, or it is of another run, other data or a model of other sizes.
    """
    if not path.is_file():
        raise InputError(f"resume=true: {path} is not there (the same configuration writes it); {CURE}")
    try:
        with open_regular(path) as file:
            archive = file.read()
        require_seal(archive, origin)
        content = torch.load(io.BytesIO(archive), map_location="cpu", weights_only=True)
        fault = _fault(content, model)
    except Exception as error:  # a damaged file can raise anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"resume=true: {path} cannot be used ({reason}); {CURE}") from error
    if fault:
        raise InputError(f"resume=true: {path} is no checkpoint of this method on this data ({fault}); {CURE}")
    return path


def _fault(content: dict[str, Any], model: ZSLModel) -> str:
    """Say what of a checkpoint does not fit the model; nothing where all does."""
    if missing := {"state_dict", "loops", "optimizer_states", "callbacks", "epoch", "global_step"} - content.keys():
        return f"it has no {min(missing)}"
    if {name: it.shape for name, it in content["state_dict"].items()} != {
        name: it.shape for name, it in model.state_dict().items()
    }:
        return "its weights have other names or shapes"
    if not 0 <= content["epoch"] <= model.epochs or content["global_step"] < 0:
        return f"epoch {content['epoch']} of {model.epochs}, step {content['global_step']}"
    sizes = {it.shape for it in model.parameters()} | {torch.Size([])}
    states = [it for optimizer in content["optimizer_states"] for it in optimizer["state"].values()]
    if any(torch.is_tensor(it) and it.shape not in sizes for state in states for it in state.values()):
        return "the states of its optimizers have other shapes"
    streams = content["callbacks"][RandomStreams.__qualname__]
    keys, position, *_ = streams["numpy"]
    if streams["torch"].shape != torch.get_rng_state().shape or len(keys) != MT19937 or not 0 <= position <= MT19937:
        return "the states of its random streams have other sizes"
    return ""
