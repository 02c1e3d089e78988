"""What a user can put right."""


class InputError(ValueError):
    """A user's mistake: one line that names the cause and the cure.

    The command line prints it as ``zsl: error: …`` and exits with status 2, without a traceback.
    """


class PrunedError(Exception):
    """A trial was ended early, because others are worth more. Nobody's mistake: whoever tries points catches it."""


class DivergedError(InputError):
    """Training diverged with the hyperparameters it was given; others may do."""
