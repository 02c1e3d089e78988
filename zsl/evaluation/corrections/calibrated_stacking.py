"""Calibrated stacking: a constant is subtracted from the scores of seen classes [Chao2016]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Bool
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Blocks, Correct, Correction, is_finite, require
from zsl.evaluation.curve import best_gamma
from zsl.evaluation.gzsl import stacked
from zsl.evaluation.scored_images import ScoreStream


@dataclass(frozen=True)
class CalibratedStacking(Correction):
    """F(x, y) - γ [y seen]

    No answer among unseen classes changes, hence neither does T1, and no point of the seen-unseen curve, hence neither
    does AUSUC; γ sets the point at which u, s and H are taken.

    Args:
        gamma: γ, in units of the scores; None: the one that maximises H on validation images (selection=validation).

    Raises:
        InputError: γ is not finite; scores are to be corrected while γ is not chosen.
    """

    gamma: float | None = None

    transductive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(self.gamma is None or is_finite(self.gamma), "a finite number or null", gamma=self.gamma)

    def fitted(self, blocks: Blocks, seen: Bool[Array, " classes"]) -> Correct:  # noqa: ARG002
        """Return F(x, y) - γ [y seen]."""
        self.require_chosen()
        assert self.gamma is not None
        gamma = self.gamma
        return lambda scores, _start: stacked(scores, seen, gamma)

    def require_chosen(self) -> None:
        """Check that γ is chosen.

        Raises:
            InputError: γ is None.
        """
        if self.gamma is None:
            raise InputError("correction.gamma=null: is chosen by selection=validation; add it, or give a number")

    def chosen_on(self, validation: ScoreStream) -> CalibratedStacking:
        """Return the correction with the γ that maximises H on these scores, if none was given."""
        if self.gamma is not None:
            return self
        from zsl.evaluation.statistics import gather

        return replace(self, gamma=best_gamma(gather(validation)))
