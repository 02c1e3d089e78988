"""Globally corrected retrieval: classes are compared by the rank that each gives to the image [Dinu2015]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array
from scipy.stats import rankdata

from zsl.evaluation.corrections.correction import Correction


@dataclass(frozen=True)
class GloballyCorrectedRetrieval(Correction):
    """-rank(x | y) + (F(x, y) - min F) / (2 (max F - min F))

    with rank(x | y) = 1 + |{x' in the batch : F(x', y) > F(x, y)}|, the place of image x among all images by their
    score with class y. The paper answers argmin over y of rank(x | y) - cos(x, y), where the cosine decides among
    classes that rank x alike; here F is mapped to [0, ½] first, so that scores of any kind decide among equal ranks,
    and among those only.
    """

    transductive: ClassVar[bool] = True

    def __call__(
        self, scores: Float64[Array, "n classes"], _seen: Bool[Array, " classes"], /
    ) -> Float64[Array, "n classes"]:
        """Return minus the rank of the image, plus a fraction below 1 that orders equal ranks."""
        spread = np.ptp(scores)
        fraction = (scores - scores.min()) / (2 * spread) if spread else np.zeros_like(scores)
        return np.asarray(fraction - rankdata(-scores, method="min", axis=0))
