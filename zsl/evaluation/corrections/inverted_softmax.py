"""Inverted softmax: probabilities over the images of a class, not over the classes of an image [Smith2017]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array
from scipy.special import log_softmax

from zsl.evaluation.corrections.correction import Correction, is_finite, require


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

    def __call__(
        self, scores: Float64[Array, "n classes"], _seen: Bool[Array, " classes"], /
    ) -> Float64[Array, "n classes"]:
        """Return log P(x | y)."""
        centred = scores - scores.mean(axis=0)
        sigma = np.sqrt((centred**2).mean())
        z = centred / (self.temperature * sigma) if np.ptp(scores, axis=0).any() else np.zeros_like(scores)
        return np.asarray(log_softmax(z, axis=0))
