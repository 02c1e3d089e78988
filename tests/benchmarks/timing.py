"""One way to time: a warm-up, several runs, the median."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Timing:
    """Seconds of several runs of one thing; None where they could not be measured."""

    what: str
    median: float | None
    least: float | None
    most: float | None
    beside: str = ""
    """the ratio to what it stands beside"""
    goal: str = ""


def measure(
    what: str,
    action: Callable[[], object],
    runs: int = 5,
    warm_up: bool = True,
    beside: Timing | None = None,
    goal: str = "",
) -> Timing:
    """Time ``action``; with ``beside``, say how many times as long that one took."""
    if warm_up:
        action()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    ratio = f"{beside.median / median:.1f} × as fast as {beside.what}" if beside and beside.median else ""
    return Timing(what, median, min(seconds), max(seconds), ratio, goal)


def resident(when: Literal["VmRSS", "VmHWM"]) -> float:
    """Memory of this process in MB, now or at most.

    The kernel counts it for the program, where getrusage counts from the fork on and so never less than the parent had.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition(f"{when}:")[2].split()[0]) / 1e3
