"""Standard output and error as they may be: of any encoding, closed, or on a disk that is full."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

SPELLED = {
    "γ": "gamma",
    "δ": "delta",
    "Δ": "delta",
    "θ": "theta",
    "κ": "kappa",
    "λ": "lambda",
    "σ": "sigma",
    "φ": "phi",
    "†": "+",
    "‡": "++",
    "±": "+-",
    "×": "x",
    "≥": ">=",
    "≤": "<=",
    "·": "*",
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "₂": "2",
    "─": "-",
    "│": "|",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}
"""how symbols are written for a terminal that does not have them"""


class Stream:
    """A stream whose writing never fails: the first error is kept, and from then on nothing is written.

    Args:
        stream: what it stands for; all that is not writing is asked of that.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """As of the stream itself."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, unless an earlier attempt failed."""
        if self.error is None:
            try:
                self._stream.write(text)
            except OSError as error:
                self.error = error
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush, unless an earlier attempt failed."""
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.error = error


@contextmanager
def robust() -> Iterator[tuple[Stream, Stream]]:
    """Standard output and error for the time of a command, so that what it shows cannot make it fail.

    Symbols that the encoding lacks are spelled (:data:`SPELLED`) or escaped; a closed stream swallows what is written,
    and its number is taken, so that no file of the command gets it.
    """
    codecs.register_error("zsl", spelled)
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number
    before = sys.stdout, sys.stderr
    streams = []
    for stream in before:
        made = stream if stream is not None else open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        if isinstance(made, io.TextIOWrapper):
            with suppress(OSError, ValueError):
                made.reconfigure(errors="zsl")
        streams.append(Stream(made))
    sys.stdout, sys.stderr = (cast(TextIO, stream) for stream in streams)
    try:
        yield streams[0], streams[1]
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before


def discard() -> None:
    """Let the end of the process find nothing left to write to a standard output that cannot be written."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def spelled(error: UnicodeError) -> tuple[str, int]:
    """What is written for characters that an encoding lacks: an error handler of :mod:`codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    parts = (SPELLED.get(char) or char.encode("ascii", "backslashreplace").decode() for char in lacking)
    return "".join(parts), error.end
