"""All trackers of one run; a tracker that fails does not stop the run."""

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
    """Context manager of the trackers of one run, by name, which closes them at the end.

    A tracker that raises an exception is reported in one warning, closed, and not called again.
    """

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._configured = trackers
        self._active: dict[str, Tracker] = {}

    def __enter__(self) -> Tracking:
        """Return itself; trackers begin with `begin`."""
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        """Close the trackers that have not failed."""
        self._each(lambda tracker: tracker.close(kind is None))
        self._active = {}

    def begin(self, describe: Callable[[], RunDescription]) -> None:
        """Begin all trackers; without trackers, ``describe`` is not called."""
        if self._configured:
            description = describe()
            self._active = dict(self._configured)
            self._each(lambda tracker: tracker.begin(description))

    @property
    def callbacks(self) -> Sequence[Callback]:
        """Callbacks for the trainer of the final fit; empty without trackers."""
        return [Steps(self.step)] if self._active else []

    def trial(self, number: int, trial: Mapping[str, Any]) -> None:
        """Report a finished trial to all trackers, without secrets."""
        self._each(lambda tracker: tracker.trial(number, without_secrets(trial)))

    def record(self, output: Path) -> None:
        """Report the result in ``output/result.json`` to all trackers."""
        self._each(lambda tracker: tracker.record(read(output / NAME), output))

    def step(self, number: int, losses: Mapping[str, float]) -> None:
        """Report the losses of a step of the final fit to all trackers."""
        self._each(lambda tracker: tracker.step(number, losses))

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._active.items()):
            try:
                call(tracker)
            except Exception as error:
                del self._active[name]
                log.warning("logger.%s failed and is disabled for the rest of this run: %s", name, reason(error))
                with suppress(Exception):
                    tracker.close(False)
