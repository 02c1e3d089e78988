"""Mutual proximity: the probability that image and class are each other's neighbours [Schnitzer2012]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array
from scipy.special import log_ndtr
from scipy.stats import rankdata

from zsl.evaluation.corrections.columns import gather_columns
from zsl.evaluation.corrections.correction import Blocks, Correct, Correction, all_scores, in_columns, require


@dataclass(frozen=True)
class MutualProximity(Correction):
    """log P(F(x, Y) < F(x, y)) + log P(F(X, y) < F(x, y))

    In distances the paper has MP(x, y) = P(D(x) > d(x, y), D(y) > d(x, y)); a decreasing map of distances to scores
    turns both signs, and the scores need no zero. The paper's two events are about the same points, those of one square
    matrix; here image x is compared with classes Y and class y with images X, nothing pairs the two, and the joint
    probability is the product of its marginals: the paper's variant under independence. The sum of logarithms is its
    monotone image, and keeps apart what a product of probabilities near 1 would round to a tie.

    Args:
        marginals: ``"gaussian"``, normal distributions with the mean and variance of each row and each column, or
            ``"empirical"``, the share of scores below, ties by half, itself included by half: (rank - ½) / size.

    Raises:
        InputError: the marginals are unknown.
    """

    marginals: Literal["gaussian", "empirical"] = "gaussian"

    transductive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        known = self.marginals in ("gaussian", "empirical")
        require(known, "gaussian or empirical", marginals=self.marginals)

    def fitted(self, blocks: Blocks, seen: Bool[Array, " classes"]) -> Correct:  # noqa: ARG002
        """Gather the marginals of every class in one pass, and return the log-probability of mutual neighbours."""
        if self.marginals == "empirical":
            of_class = in_columns(all_scores("mutual_proximity", blocks), lambda some: _log_rank(some, 0))
            return lambda scores, start: _log_rank(scores, 1) + of_class[start : start + len(scores)]
        columns = gather_columns(blocks)
        deviation = np.sqrt(columns.deviations / columns.images)
        constant = columns.lowest == columns.highest

        def correct(scores: Float64[Array, "rows classes"], _start: int) -> Float64[Array, "rows classes"]:
            centred = scores - scores.mean(axis=1, keepdims=True)
            own = np.sqrt((centred**2).mean(axis=1, keepdims=True))
            of_image = _log_normal(centred, own, np.ptp(scores, axis=1, keepdims=True) == 0)
            return np.asarray(of_image + _log_normal(scores - columns.mean, deviation, constant))

        return correct


def _log_normal(
    centred: Float64[Array, "rows classes"], deviation: Float64[Array, "..."], constant: Bool[Array, "..."]
) -> Float64[Array, "rows classes"]:
    """Return log Φ(centred / deviation); log ½ where all scores are equal."""
    z = np.divide(centred, deviation, out=np.zeros_like(centred), where=~constant)
    return np.asarray(log_ndtr(z))


def _log_rank(scores: Float64[Array, "n classes"], axis: Literal[0, 1]) -> Float64[Array, "n classes"]:
    return np.asarray(np.log((rankdata(scores, axis=axis) - 0.5) / scores.shape[axis]))
