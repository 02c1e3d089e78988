"""Progress of an extraction: a bar with rate and remaining time on a terminal, and elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY = 30.0
"""seconds from one line to the next"""


class Advance(Protocol):
    """Function that counts images that are done."""

    def __call__(self, count: int) -> None:
        """Count some more images."""
        ...


@contextmanager
def shown(title: str, done: int, total: int) -> Iterator[Advance]:
    """Show how many of ``total`` images are done, at which rate, and how long the rest will take.

    Args:
        title: what is done.
        done: images that were done before, which do not count for the rate.
        total: all images.
    """
    start = time.monotonic()
    before, now, said = done, done, start
    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), rate)
    console = Console(stderr=True)
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(title, total=total, completed=done, rate="")

    def advance(count: int) -> None:
        nonlocal now, said
        now += count
        seconds = max(time.monotonic() - start, 1e-9)
        speed = (now - before) / seconds
        bar.update(task, completed=now, rate=f"{speed:.1f}/s")
        if not console.is_terminal and (time.monotonic() - said > EVERY):
            said = time.monotonic()
            left = timedelta(seconds=round((total - now) / speed)) if speed else "unknown time"
            sys.stderr.write(f"{title}: {now} of {total} images, {speed:.1f}/s, {left} left\n")
            sys.stderr.flush()

    with bar:
        yield advance
