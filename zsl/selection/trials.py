"""What was tried, kept on disk from one trial to the next, so that a search that is stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from zsl.errors import InputError
from zsl.files import checks
from zsl.files.atomic import write_text
from zsl.files.regular_file import read_json
from zsl.outputs import schema

NAME = "trials.json"
_FILE = checks.record({"data": checks.mapping(checks.text), "trials": schema.trials})


@dataclass(frozen=True)
class Trial:
    """One point of a search space, and what it is worth on the images that the choice is made on.

    ``gamma`` and ``temperature`` are those that are best there, ``correction`` what the correction left open; ``H`` is
    that at ``gamma``, ``H_raw`` that without it. A trial whose training diverged says how, and is worth nothing; one
    that was ended early says after how many epochs (``pruned``), and is not chosen.
    """

    chosen: Mapping[str, Any]
    T1: float | None = None
    H: float | None = None
    H_raw: float | None = None
    gamma: float | None = None
    temperature: float | None = None
    correction: Mapping[str, Any] = field(default_factory=dict)
    diverged: str | None = None
    pruned: int | None = None

    def is_complete(self) -> bool:
        """Tell whether everything was measured that a choice needs, or training diverged."""
        measured = (self.T1, self.H, self.H_raw, self.gamma, self.temperature)
        return self.diverged is not None or None not in measured

    def record(self) -> dict[str, Any]:
        """What JSON keeps of it."""
        return {key: value for key, value in asdict(self).items() if value is not None and value != {}}


class TrialLog:
    """The trials of one search, in order; on disk where there is a ``path``.

    A context manager: what it wrote stays if the search is stopped, and goes when there is a result or a mistake.

    Args:
        path: of the file, or None.
        data: the fingerprints of what the trials are measured on.
        resume: whether to go on from what is there.
        watch: is handed every trial, those that were there first, with its number from 1.

    Raises:
        InputError: the file is damaged, or of other data.
    """

    def __init__(
        self,
        path: Path | None = None,
        data: Mapping[str, str] | None = None,
        resume: bool = False,
        watch: Callable[[int, Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.path, self.data, self.watch = path, dict(data or {}), watch
        self.trials: Sequence[Trial] = ()
        if resume and path is not None and path.is_file():
            self.trials = tuple(self._read(path))

    def __enter__(self) -> TrialLog:
        """Be there before the first trial ends."""
        self._write()
        for number in range(1, len(self.trials) + 1):
            self._show(number)
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        """Forget, unless the search was stopped."""
        if self.path is not None and (kind is None or issubclass(kind, InputError)):
            with suppress(OSError):
                self.path.unlink()

    def add(self, trial: Trial) -> None:
        """A trial has ended."""
        self.trials = (*self.trials, trial)
        self._write()
        self._show(len(self.trials))

    def _show(self, number: int) -> None:
        if self.watch is not None:
            self.watch(number, self.trials[number - 1].record())

    def _write(self) -> None:
        if self.path is not None:
            content = {"data": self.data, "trials": [trial.record() for trial in self.trials]}
            write_text(self.path, json.dumps(content, indent=1) + "\n")

    def _read(self, path: Path) -> list[Trial]:
        cure = "start without resume (several runs: with rerun=true)"
        try:
            content = read_json(path)
        except (OSError, ValueError) as error:
            raise InputError(
                f"resume=true: {path} is damaged ({getattr(error, 'strerror', None) or error}); {cure}"
            ) from error
        for key, cause in _FILE("", content):
            raise InputError(f"resume=true: {path} is damaged ({key}: {cause}); {cure}")
        if content["data"] != self.data:
            raise InputError(f"resume=true: {path} is of other data than are there now; {cure}")
        found = [Trial(**{"chosen": {}, **record}) for record in content["trials"]]
        if not all(trial.is_complete() for trial in found):
            raise InputError(f"resume=true: {path} is damaged (a trial lacks a measurement); {cure}")
        return found
