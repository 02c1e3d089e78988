"""Whether a file can hold what its header claims: asked before anything is allocated."""

from __future__ import annotations

import os

DEFLATE_AT_BEST = 1032
"""bytes that one compressed byte can stand for"""


def beyond(claimed: int, on_disk: int) -> bool:
    """Tell whether so many bytes are more than the bytes on disk can stand for, or than the machine has memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else claimed
    return claimed > min(on_disk * DEFLATE_AT_BEST, memory)
