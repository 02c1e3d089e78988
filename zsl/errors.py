"""Errors that a user can correct, and text that is safe to print."""

import re
import unicodedata

_BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""characters that change the order in which the text around them is shown"""


def printable(text: str) -> str:
    r"""Replace every character that controls a terminal by its escape sequence, such as ``\x1b`` or ``\n``.

    Such characters are control characters, line and paragraph separators, changes of writing direction, and the
    surrogates that stand for bytes of a file name that are not UTF-8.
    """
    return "".join(char.encode("unicode_escape").decode() if is_control(char) else char for char in text)


def is_control(char: str) -> bool:
    """Tell whether :func:`printable` replaces a character."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _BIDIRECTIONAL


class InputError(ValueError):
    """A user's mistake: one line that names the cause and the cure.

    The command line prints the message as ``zsl: error: …`` and exits with status 2, without a traceback. ``str()``
    gives one line without control characters, whatever names and values the message quotes.
    """

    def __str__(self) -> str:
        return printable(" ".join(super().__str__().splitlines()))


def out_of_memory(error: BaseException) -> InputError | None:
    """Return the InputError for an out-of-memory error of Python, NumPy or PyTorch; None for any other error."""
    text = str(error)
    of_torch = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in text
    if not (isinstance(error, MemoryError) or of_torch):
        return None
    asked = re.search(r"tried to allocate (\d+ bytes|[\d.]+ \w+)|allocate ([\d.]+ \w+)", text)
    why = f" ({asked[1] or asked[2]} at once)" if asked else ""
    return InputError(f"out of memory{why}; lower what memory grows with, such as method.batch_size or method.hidden")


def shortened(text: str, most: int = 1000) -> str:
    """Shorten a text to at most ``most`` characters: its beginning, the number of characters left out, its end."""
    if len(text) <= most:
        return text
    half = most // 2 - 20
    return f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"


def missing_plugin(target: object) -> str:
    """Return the cure for a class that zsl does not offer: which plug-in is missing, by the package of the class."""
    package = shortened(str(target), 100).partition(".")[0]
    return f"if it is yours, the plug-in {package!r} is missing: install it, or name its folder with --config-dir DIR"


class EnoughError(Exception):
    """End of a trial's training because every metric is known; caught by the search, never shown."""


class PrunedError(EnoughError):
    """End of a trial's training because the pruner judged it worse than other trials."""


class DivergedError(InputError):
    """Divergence of training with the given hyperparameters; other hyperparameters may work."""
