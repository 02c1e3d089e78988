"""No correction: scores as the method gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool
from numpy import ndarray as Array

from zsl.evaluation.corrections.correction import Blocks, Correct, Correction
from zsl.evaluation.scored_images import ScoreStream


@dataclass(frozen=True)
class Uncorrected(Correction):
    """F(x, y) as it is."""

    transductive: ClassVar[bool] = False

    def fitted(self, blocks: Blocks, seen: Bool[Array, " classes"]) -> Correct:  # noqa: ARG002
        """Return the identity."""
        return lambda scores, _start: scores

    def corrected(self, scores: ScoreStream) -> ScoreStream:
        """Return the scores."""
        return scores
