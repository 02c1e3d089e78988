"""All trackers of one run, and the promise that none of them costs it anything."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from pytorch_lightning import Callback

from zsl.files.redaction import without_secrets
from zsl.outputs.result import NAME, read
from zsl.tracking.steps import Steps
from zsl.tracking.tracker import RunDescription, Tracker, reason

log = logging.getLogger(__name__)


class Tracking:
    """The trackers of one run by name; a context manager that closes them.

    One that raises says so in one line, is closed, and is left out from there on.
    """

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._asked = trackers
        self._live: dict[str, Tracker] = {}

    def __enter__(self) -> Tracking:
        """Nothing begins before the run does."""
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        """Close those that are left."""
        self._each(lambda tracker: tracker.close(kind is None))
        self._live = {}

    def begin(self, describe: Callable[[], RunDescription]) -> None:
        """Tell all what runs; nothing is described where nobody watches."""
        if self._asked:
            description = describe()
            self._live = dict(self._asked)
            self._each(lambda tracker: tracker.begin(description))

    @property
    def callbacks(self) -> Sequence[Callback]:
        """What the trainer of the final fit needs: nothing, where nobody watches."""
        return [Steps(self.step)] if self._live else []

    def trial(self, number: int, trial: Mapping[str, Any]) -> None:
        """A trial has ended."""
        self._each(lambda tracker: tracker.trial(number, without_secrets(trial)))

    def record(self, output: Path) -> None:
        """Hand on what ``output/result.json`` says, as it was written."""
        self._each(lambda tracker: tracker.record(read(output / NAME), output))

    def step(self, number: int, losses: Mapping[str, float]) -> None:
        """A step of the final fit has ended."""
        self._each(lambda tracker: tracker.step(number, losses))

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._live.items()):
            try:
                tell(tracker)
            except Exception as error:  # whatever it is, the run is worth more
                del self._live[name]
                log.warning("logger.%s failed and is left out from here on, the run goes on: %s", name, reason(error))
                with suppress(Exception):
                    tracker.close(False)
