"""Progress of long work on standard error: a bar on a terminal, elsewhere plain lines at intervals."""

from __future__ import annotations

import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import ClassVar, Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from zsl.errors import printable

T = TypeVar("T")
FIRST, EVERY = 10.0, 30.0
"""seconds until the first line of a log file, and from one line to the next"""
PART = 1.0
"""least seconds from one line to the next, after the first, where every part that ends is worth one, such as a trial"""
REDRAWN = 0.1
"""least seconds from one change of a bar to the next"""
clock = time.time
"""present time in seconds, the same in all processes of a sweep"""
job: ContextVar[str] = ContextVar("job", default="")
"""beginning of every line, such as ``[3/10]`` and a space"""


def pace(done: float, total: float, seconds: float) -> str:
    """Return rate and remaining time as text, such as ``12.5/s, 0:01:40 left``; empty before anything is done."""
    if done <= 0 or seconds <= 0:
        return ""
    rate = done / seconds
    unit, factor = ("s", 1) if rate >= 1 else ("min", 60) if rate * 60 >= 1 else ("h", 3600)
    left = f", {timedelta(seconds=math.ceil((total - done) / rate))} left" if done < total else ""
    return f"{rate * factor:.1f}/{unit}{left}"


class Progress:
    """Progress of one piece of work; a context manager. A terminal shows one bar at a time, that of the outermost work.

    Args:
        title: what is done.
        total: number of units; nothing is shown for none.
        unit: name of the units, in the plural.
        shown: whether to show anything.
    """

    _on_screen: ClassVar[bool] = False
    """whether a bar is on the terminal"""

    def __init__(self, title: str, total: int, unit: str, shown: bool = True) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done, self._before = 0, 0
        self._shown = shown and total > 0
        self._bars: Bars | None = None

    def __enter__(self) -> Self:
        """Start the clock, and show a bar if standard error is a terminal on which there is no other."""
        self._started = self._last = clock()
        self._interval = FIRST
        in_worker = multiprocessing.current_process().name != "MainProcess"
        self._terminal = sys.stderr.isatty() and not in_worker
        if self._shown and self._terminal and not Progress._on_screen:
            detail = TextColumn("{task.fields[detail]}", markup=False)
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), detail)
            self._bars = Bars(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bars.add_task(job.get() + self.title, total=self.total, detail="")
            Progress._on_screen = True
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bars is not None:
            self._bars.stop()
            Progress._on_screen = False

    def resume(self, done: int) -> None:
        """Count units that were done before; they are not counted in the rate."""
        self.done = self._before = done

    def advance(self, detail: Callable[[], str] | None = None, part: bool = False) -> None:
        """Count one more unit; see :meth:`update`."""
        self.update(self.done + 1, detail, part)

    def update(self, done: int, detail: Callable[[], str] | None = None, part: bool = False) -> None:
        """Show the number of units that are done, if it is time to.

        Args:
            done: number of units that are done.
            detail: makes a text to show beside, such as a loss.
            part: whether the unit is worth a line of its own.
        """
        self.done = done
        if not self._shown:
            return
        now = clock()
        due = REDRAWN if self._terminal else PART if part and self._interval == EVERY else self._interval
        if now - self._last < due and not (self._terminal and done == self.total):
            return
        self._last, self._interval = now, EVERY
        words = [pace(done - self._before, self.total - self._before, now - self._started), detail() if detail else ""]
        text = ", ".join(filter(None, words))
        if self._bars is not None:
            self._bars.update(self._task, completed=done, detail=text)
        elif not self._terminal:
            line = f"{job.get()}{self.title}: {done} of {self.total} {self.unit}" + (f", {text}" if text else "")
            sys.stderr.write(printable(line) + "\n")
            sys.stderr.flush()


def progress(items: Sequence[T], title: str, unit: str) -> Iterator[T]:
    """Yield the items, and show how many of them are done."""
    with Progress(title, len(items), unit) as shown:
        for item in items:
            yield item
            shown.advance()
