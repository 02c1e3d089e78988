"""The memory of this machine, and limits on what is allocated: sizes that file headers claim."""

from __future__ import annotations

import os

DEFLATE_AT_BEST = 1032
"""the largest number of bytes that one compressed byte can represent"""


def machine_memory() -> int | None:
    """Return the memory of this machine in bytes, None where the system does not tell."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None


def beyond(claimed: int, on_disk: int) -> bool:
    """Tell whether ``claimed`` bytes exceed the machine's memory, or what ``on_disk`` bytes can represent."""
    return claimed > min(on_disk * DEFLATE_AT_BEST, machine_memory() or claimed)
