"""Trials of a search, written to disk after each one, so that a search that is stopped can be resumed."""

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
    """One point of a search space, and its metrics on the images that the choice is made on.

    ``gamma`` and ``temperature`` are the best ones on these images, ``correction`` holds the hyperparameters that the
    correction left open; ``H`` is computed with ``gamma``, ``H_raw`` without; all but ``T1`` need images of seen
    classes. A diverged trial has a message
    (``diverged``) and no metrics; a pruned trial has its number of epochs (``pruned``) and is not chosen. ``reached``
    is the last epoch that was validated, where epochs are chosen.
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
    reached: int | None = None

    def is_complete(self) -> bool:
        """Tell whether the trial has every metric that a choice needs, or diverged."""
        of_seen = [value is not None for value in (self.H, self.H_raw, self.gamma, self.temperature)]
        return self.diverged is not None or (self.T1 is not None and all(of_seen) == any(of_seen))

    def record(self) -> dict[str, Any]:
        """Return the trial as a JSON object without empty values."""
        return {key: value for key, value in asdict(self).items() if value is not None and value != {}}


class TrialLog:
    """The trials of one search, in order; written to a file where ``path`` is given.

    A context manager: the file stays if the search is stopped, and is deleted when the search ends with a result or
    with an InputError.

    Args:
        path: the file, or None.
        data: the fingerprints of the data that the trials are validated on.
        resume: whether to resume from the trials in the file.
        watch: called with the number (from 1) and the record of every trial, resumed trials first.

    Raises:
        InputError: the file is damaged, or its trials are of other data.
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
        """Write the file, and pass resumed trials to ``watch``."""
        self._write()
        for number in range(1, len(self.trials) + 1):
            self._show(number)
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        """Delete the file, unless the search was stopped."""
        if self.path is not None and (kind is None or issubclass(kind, InputError)):
            with suppress(OSError):
                self.path.unlink()

    def add(self, trial: Trial) -> None:
        """Append a trial that has ended, and write the file."""
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
            raise InputError(f"resume=true: {path}: its trials are of other data than those of this run; {cure}")
        found = [Trial(**{"chosen": {}, **record}) for record in content["trials"]]
        if not all(trial.is_complete() for trial in found):
            raise InputError(f"resume=true: {path} is damaged (a trial lacks a metric); {cure}")
        return found
