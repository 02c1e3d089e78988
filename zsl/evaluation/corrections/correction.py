"""The contract of a correction: scores in, scores out, so that it composes with every method."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.scored_images import ScoredImages


class Correction(ABC):
    """A pure function of the score matrix (images × classes, greater is better) and the seen mask; never of labels.

    Scores may be of any kind: cosines, logits, negative distances. A correction of F and of aF + b, a > 0, orders the
    classes of every image alike, unless a hyperparameter that was given says what scores mean.

    What comes out has units of its own, so γ, temperature and objective are chosen on corrected validation scores.
    """

    transductive: ClassVar[bool]
    """whether an image's scores depend on the other images of the batch; if so, no table may call the run inductive"""

    @abstractmethod
    def __call__(
        self, scores: Float64[Array, "n classes"], seen: Bool[Array, " classes"], /
    ) -> Float64[Array, "n classes"]:
        """Return the corrected scores.

        Raises:
            InputError: the scores cannot be corrected with these hyperparameters.
        """

    def require_chosen(self) -> None:  # noqa: B027
        """Check that nothing is left to be chosen on validation images; most corrections leave nothing.

        Raises:
            InputError: a hyperparameter is not chosen yet.
        """

    def chosen_on(self, validation: ScoredImages) -> Correction:  # noqa: ARG002
        """Return the correction with every open hyperparameter chosen on validation images."""
        return self


def require(holds: bool, must: str, **value: object) -> None:
    """Refuse a hyperparameter by name: ``require(k >= 1, "a whole number of at least 1", k=k)``.

    Raises:
        InputError: ``holds`` is false.
    """
    if not holds:
        ((name, given),) = value.items()
        raise InputError(f"correction.{name}={given}: must be {must}")


def require_count(**value: object) -> None:
    """Refuse a hyperparameter that is not a whole number of at least 1, by name.

    Raises:
        InputError: the value is another.
    """
    ((_, given),) = value.items()
    count = isinstance(given, int) and not isinstance(given, bool) and given >= 1
    require(count, "a whole number of at least 1", **value)


def is_finite(given: object) -> bool:
    """Return whether a hyperparameter is a finite number; booleans are not numbers."""
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
