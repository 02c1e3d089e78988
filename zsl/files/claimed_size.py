"""Limits on the sizes that file headers claim, checked before memory is allocated."""

from __future__ import annotations

import os

DEFLATE_AT_BEST = 1032
"""the largest number of bytes that one compressed byte can represent"""


def beyond(claimed: int, on_disk: int) -> bool:
    """Tell whether ``claimed`` bytes exceed the machine's memory, or what ``on_disk`` bytes can represent."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else claimed
    return claimed > min(on_disk * DEFLATE_AT_BEST, memory)
