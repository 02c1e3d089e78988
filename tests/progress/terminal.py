"""A stream that says whether it is a terminal, and keeps what is written to it."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """A terminal, or a file."""

    def __init__(self, is_one: bool = True) -> None:
        super().__init__()
        self.is_one = is_one

    def isatty(self) -> bool:
        return self.is_one
