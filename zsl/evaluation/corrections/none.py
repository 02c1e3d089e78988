"""No correction: scores as the method gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from zsl.evaluation.corrections.correction import Correction


@dataclass(frozen=True)
class Uncorrected(Correction):
    """F(x, y) as it is."""

    transductive: ClassVar[bool] = False

    def __call__(
        self, scores: Float64[Array, "n classes"], _seen: Bool[Array, " classes"], /
    ) -> Float64[Array, "n classes"]:
        """Return the scores."""
        return scores
