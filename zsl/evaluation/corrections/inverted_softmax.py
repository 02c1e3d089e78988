"""Inverted softmax: probabilities over the images of a class, not over the classes of an image [Smith2017]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool
from numpy import ndarray as Array

from zsl.evaluation.corrections.columns import gather_columns
from zsl.evaluation.corrections.correction import Blocks, Correct, Correction, is_finite, require


@dataclass(frozen=True)
class InvertedSoftmax(Correction):
    """log P(x | y),   P(x | y) = exp(F(x, y) / τ) / Σ_x' exp(F(x', y) / τ),   τ = T σ

    over the images x' of the batch: the mass of a hub is spread over many images. The paper's β is 1/τ; its further
    factor, one for all classes of an image, changes no answer and is left out. σ is the standard deviation of the
    scores within their columns, so that T means the same for cosines, logits and distances.

    T → 0 subtracts the best score of each class from its column, T → ∞ its mean. On the validation classes of CUB
    ESZSL is best at T = 1 and ALE at 0.4; both gain at 0.7.

    Args:
        temperature: T > 0, in standard deviations of the scores.

    Raises:
        InputError: T is not a finite number greater than 0.
    """

    temperature: float = 0.7

    transductive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        T = self.temperature
        require(is_finite(T) and T > 0, "a finite number greater than 0", temperature=T)

    def fitted(self, blocks: Blocks, seen: Bool[Array, " classes"]) -> Correct:  # noqa: ARG002
        """Gather means, σ and log Σ_x' exp(z) in two passes, and return log P(x | y)."""
        columns = gather_columns(blocks)
        sigma = np.sqrt(columns.deviations.sum() / (columns.images * len(columns.mean)))
        tau = 1.0 if columns.constant else self.temperature * sigma
        highest = (columns.highest - columns.mean) / tau
        total = np.zeros_like(highest)
        for block in blocks:
            total += np.exp((block - columns.mean) / tau - highest).sum(axis=0)
        log_sum = highest + np.log(total)
        return lambda scores, _start: (scores - columns.mean) / tau - log_sum
