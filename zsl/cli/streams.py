"""Standard output and error that work with any encoding, when closed, and on a full disk."""

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
    "→": "->",
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
"""replacements for symbols that the encoding of a terminal lacks"""


class Stream:
    """A stream whose ``write`` never fails: the first error is stored, and from then on nothing is written.

    Args:
        stream: the wrapped stream, which gets all other calls.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Return the attribute of the wrapped stream."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, unless an earlier call failed; return its length."""
        if self.error is None:
            try:
                self._stream.write(text)
            except OSError as error:
                self.error = error
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several lines, unless an earlier call failed."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream, unless an earlier call failed."""
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.error = error


@contextmanager
def robust() -> Iterator[tuple[Stream, Stream]]:
    """Replace standard output and error while a command runs, so that printing cannot make the command fail.

    Symbols that the encoding lacks are replaced (:data:`SPELLED`) or escaped. A closed stream discards text, and its
    file descriptor is occupied, so that no file of the command gets the descriptor.
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
    """Redirect a standard output that cannot be written to, so that the interpreter's final flush does not fail."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def spelled(error: UnicodeError) -> tuple[str, int]:
    """Return the replacement of characters that an encoding lacks; an error handler for :mod:`codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    parts = (SPELLED.get(char) or char.encode("ascii", "backslashreplace").decode() for char in lacking)
    return "".join(parts), error.end
