"""Interface of a tracker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from zsl.files.redaction import without_secrets
from zsl.outputs.result import Result


@dataclass(frozen=True)
class RunDescription:
    """Description of a run before it trains."""

    name: str
    """such as ``eszsl cub seed 0``"""
    group: str | None
    """name of the multirun that the run belongs to; None for a single run"""
    tags: tuple[str, ...]
    """method, data, setting, selection policy"""
    config: Mapping[str, Any]
    """resolved configuration, without secrets"""
    facts: Mapping[str, Any]
    """names chosen from ``conf/``, fingerprints, versions, commit"""
    output: Path
    checkpoints: Path
    """folder from which an interrupted run is resumed"""
    resumed: bool
    """whether this run resumes an interrupted one"""


@runtime_checkable
class Tracker(Protocol):
    """Observer of one run at a time, from ``begin`` to ``close``.

    A tracker that raises any exception is closed and not called again, and the run continues; see
    :class:`~zsl.tracking.tracking.Tracking`. Trackers receive no secrets.
    """

    def begin(self, description: RunDescription) -> None:
        """Begin a run: the data is loaded, and nothing is trained yet."""

    def trial(self, number: int, trial: Mapping[str, Any]) -> None:
        """Record a finished trial of the search, the ``number``-th from 1, as in ``selection.trials`` of the result.

        A resumed search first repeats the trials of the interrupted one.
        """

    def step(self, number: int, losses: Mapping[str, float]) -> None:
        """Record the losses of a gradient step of the final fit; steps count from 1, also in a resumed run."""

    def record(self, result: Result, output: Path) -> None:
        """Record the result, which has been written to ``output/result.json``."""

    def close(self, finished: bool) -> None:
        """End the run; ``finished`` is false where it failed or was interrupted."""


def reason(error: Exception) -> str:
    """Return the message of an error on one line and without secrets."""
    return without_secrets(" ".join(str(error).split())) or type(error).__name__
