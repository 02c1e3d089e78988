"""The contract of a tracker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from zsl.files.redaction import without_secrets
from zsl.outputs.result import Result


@dataclass(frozen=True)
class RunDescription:
    """What is known of a run before it trains."""

    name: str
    """such as ``eszsl cub seed 0``"""
    group: str | None
    """the multirun it is one of"""
    tags: tuple[str, ...]
    """method, data, setting, selection policy"""
    config: Mapping[str, Any]
    """resolved, without secrets"""
    facts: Mapping[str, Any]
    """what was chosen from ``conf/`` by name, fingerprints, versions, commit"""
    output: Path
    checkpoints: Path
    """the folder that an interrupted run goes on from"""
    resumed: bool
    """whether it goes on from there"""


@runtime_checkable
class Tracker(Protocol):
    """What watches one run at a time, from ``begin`` to ``close``.

    Whatever it raises, it is closed and left out from there on, and the run goes on: see
    :class:`~zsl.tracking.tracking.Tracking`. It is handed no secrets.
    """

    def begin(self, description: RunDescription) -> None:
        """The data is there, and nothing is trained yet."""

    def trial(self, number: int, trial: Mapping[str, Any]) -> None:
        """A trial of the search has ended, the ``number``-th from 1: what ``selection.trials`` will say of it. A search
        that is resumed begins with the trials that it has already.
        """

    def step(self, number: int, losses: Mapping[str, float]) -> None:
        """The losses of a gradient step of the final fit, where logging is due; steps count from 1, resumed or not."""

    def record(self, result: Result, output: Path) -> None:
        """``output/result.json`` is on disk, and says this."""

    def close(self, finished: bool) -> None:
        """The run is over, with a result or without."""


def reason(error: Exception) -> str:
    """What an error says, in one line and without secrets."""
    return without_secrets(" ".join(str(error).split())) or type(error).__name__
