"""What a user can put right."""

import re
import unicodedata

_BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""characters that change the order in which others are shown"""


def printable(text: str) -> str:
    r"""Replace what a terminal obeys instead of showing it by its escape, as in ``\x1b`` or ``\n``.

    These are control characters, line and paragraph separators, changes of direction, and the surrogates that stand for
    bytes of a file name that are not UTF-8.
    """
    return "".join(char.encode("unicode_escape").decode() if is_control(char) else char for char in text)


def is_control(char: str) -> bool:
    """Tell whether a character is one of those that `printable` replaces."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _BIDIRECTIONAL


class InputError(ValueError):
    """A user's mistake: one line that names the cause and the cure.

    The command line prints it as ``zsl: error: …`` and exits with status 2, without a traceback. As text it is one line
    without control characters, whatever names and values it quotes.
    """

    def __str__(self) -> str:
        return printable(" ".join(super().__str__().splitlines()))


def out_of_memory(error: BaseException) -> InputError | None:
    """What a user can do about an error of Python, NumPy or PyTorch that says that memory did not suffice."""
    text = str(error)
    of_torch = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in text
    if not (isinstance(error, MemoryError) or of_torch):
        return None
    asked = re.search(r"tried to allocate (\d+ bytes|[\d.]+ \w+)|allocate ([\d.]+ \w+)", text)
    why = f" ({asked[1] or asked[2]} at once)" if asked else ""
    return InputError(f"out of memory{why}; lower what it grows with, such as method.batch_size or method.hidden")


def shortened(text: str, most: int = 1000) -> str:
    """A text of at most so many characters: of a longer one beginning and end, and how many are between them."""
    if len(text) <= most:
        return text
    half = most // 2 - 20
    return f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"


class EnoughError(Exception):
    """A trial needs no more training: all is measured. Nobody's mistake: whoever tries points catches it."""


class PrunedError(EnoughError):
    """A trial was ended early, because others are worth more."""


class DivergedError(InputError):
    """Training diverged with the hyperparameters it was given; others may do."""
