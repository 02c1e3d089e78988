"""Genuine folders of runs, each made once in this process, and ways to spoil a file of one."""

from __future__ import annotations

import atexit
import functools
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests import processes

WORLD = ["data=synthetic", "method=eszsl"]
ALE = ["data=synthetic", "method=ale", "method.epochs=2", "method.batch_size=200", "paths.output=runs"]
CHOOSING = ["selection=validation", "sweep.gamma=[1,10]", "sweep.lamb=[1]", "paths.output=runs"]
SEARCH = ["data=synthetic", "method=eszsl", "search=grid", "sweep.gamma=[1,10]", "sweep.lamb=[1]", "paths.output=runs"]
GENERATOR = ["data=synthetic", "method=fclswgan", "method.hidden=8", "method.critic_hidden=8", "method.epochs=1"]
DESCRIBED = ["class_embedding=matrix", "class_embedding.path=phi.npz"]
CLASSES = 20
"""of the data set of these runs"""
HUGE = 10**400


@functools.cache
def text_of(what: str) -> str:
    """Return the JSON file of a folder that `made` returns."""
    return next(made(what).rglob("*.json")).read_text()


@functools.cache
def made(what: str) -> Path:
    """Return the folder of a genuine run.

    ``result`` is a run that ended. Stopped at a step were ``checkpoint``, ``other checkpoint`` (at another rate) and
    ``described checkpoint`` (with the class descriptions of `describe`), after a trial ``trials``. ``study`` is a
    search, ``generator`` a run with its weights.
    """
    root = Path(tempfile.mkdtemp(prefix="malformed-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    run: dict[str, Callable[..., subprocess.CompletedProcess[str]]] = {
        "result": functools.partial(processes.zsl, "train", *WORLD, "paths.output=runs"),
        "checkpoint": functools.partial(processes.call, _stopped_at_a_step, ["train", *ALE]),
        "other checkpoint": functools.partial(processes.call, _stopped_at_a_step, ["train", *ALE, "method.lr=0.5"]),
        "described checkpoint": functools.partial(processes.call, _stopped_at_a_step, ["train", *ALE, *DESCRIBED]),
        "trials": functools.partial(processes.call, _stopped_after_a_trial, ["train", *WORLD, *CHOOSING]),
        "study": functools.partial(processes.zsl, "sweep", *SEARCH),
        "generator": functools.partial(processes.zsl, "train", *GENERATOR, "save.model=true", "paths.output=runs"),
    }
    describe(root, seed=0)
    done = run[what](cwd=root, env={"ZSL_CACHE": str(root / "cache")})
    assert done.returncode == (130 if what.endswith(("checkpoint", "trials")) else 0), done.stderr
    return root / "runs"


def describe(folder: Path, seed: int) -> None:
    """Write random descriptions of the classes of the data set in `ALE` to ``folder/phi.npz``."""
    names = np.array([f"class{i:03d}" for i in range(CLASSES)])
    np.savez(folder / "phi.npz", names=names, phi=np.random.default_rng(seed).normal(size=(CLASSES, 4)))


def changed(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Return what changes the bytes of a file."""

    def spoil(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return spoil


def replaced(place: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return what puts something else in the place of a file."""

    def spoil(path: Path) -> None:
        path.unlink()
        place(path)

    return spoil


def _stopped_at_a_step(arguments: list[str]) -> int:
    from zsl.cli import main
    from zsl.training.resumption import Interruption

    end = Interruption.on_train_batch_end

    def end_step(self: Interruption, trainer: Any, *rest: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        end(self, trainer, *rest)

    Interruption.on_train_batch_end = end_step  # type: ignore[method-assign]
    return main(arguments)


def _stopped_after_a_trial(arguments: list[str]) -> int:
    from zsl.cli import main
    from zsl.selection.trials import TrialLog

    add = TrialLog.add

    def stop(self: TrialLog, trial: Any) -> None:
        add(self, trial)
        raise KeyboardInterrupt

    TrialLog.add = stop  # type: ignore[method-assign]
    return main(arguments)
