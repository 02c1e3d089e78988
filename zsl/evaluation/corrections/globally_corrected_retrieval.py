"""Globally corrected retrieval: classes are compared by the rank that each gives to the image [Dinu2015]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array
from scipy.stats import rankdata

from zsl.evaluation.corrections.correction import Blocks, Correct, Correction, all_scores, in_columns


@dataclass(frozen=True)
class GloballyCorrectedRetrieval(Correction):
    """-rank(x | y) + (F(x, y) - min F) / (2 (max F - min F))

    with rank(x | y) = 1 + |{x' in the batch : F(x', y) > F(x, y)}|, the place of image x among all images by their
    score with class y. The paper answers argmin over y of rank(x | y) - cos(x, y), where the cosine decides among
    classes that rank x alike; here F is mapped to [0, ½] first, so that scores of any kind decide among equal ranks,
    and among those only.
    """

    transductive: ClassVar[bool] = True

    def fitted(self, blocks: Blocks, seen: Bool[Array, " classes"]) -> Correct:  # noqa: ARG002
        """Rank the images of every class; return minus the rank, plus a fraction that orders equal ranks."""
        every = all_scores("globally_corrected_retrieval", blocks)
        lowest, spread = every.min(), np.ptp(every)
        ranks = in_columns(every, lambda some: np.asarray(rankdata(-some, method="min", axis=0)))

        def correct(scores: Float64[Array, "rows classes"], start: int) -> Float64[Array, "rows classes"]:
            fraction = (scores - lowest) / (2 * spread) if spread else np.zeros_like(scores)
            return np.asarray(fraction - ranks[start : start + len(scores)])

        return correct
