"""Decoding and preparing of images in several threads while the network encodes those before them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 64
"""results that wait to be taken, at most, beside those that are being made"""


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ahead(function: Callable[[T], R], items: Iterable[T], workers: int, most: int = AHEAD) -> Iterator[R]:
    """Yield ``function(item)`` in the order of the items, computed by ``workers`` threads before they are asked for.

    At most ``most`` + ``workers`` results exist at any time, however many items there are. An exception of the function
    is raised where its result is due; the items after it are then left alone.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
