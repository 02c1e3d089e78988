"""What a user can put right."""


class InputError(ValueError):
    """A user's mistake: one line that names the cause and the cure.

    The command line prints it as ``zsl: error: …`` and exits with status 2, without a traceback.
    """


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
