"""NICDM, the non-iterative contextual dissimilarity measure: distances in units of local distances [Schnitzer2012]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from zsl.evaluation.corrections.columns import gather_columns, nearest_mean
from zsl.evaluation.corrections.correction import Blocks, Correct, Correction, is_finite, require, require_count

SMALLEST = 1e-6
"""least local distance, relative to the mean distance, so that a perfect match does not divide by zero"""


@dataclass(frozen=True)
class NICDM(Correction):
    """-d(x, y) / √(μ(x) μ(y)),   d(x, y) = F* - F(x, y)

    The paper divides distances d by μ, the mean distance to the k nearest: μ(x) over the classes of image x, μ(y) over
    the images of class y in the batch. Scores are similarities, so d has to be read off them: F* - F is the one
    decreasing map with slope -1, d ≥ 0, and d = 0 at F*, the score of a perfect match. With F = -distance and F* = 0,
    or with cosines and F* = 1, it is the paper's; without a ``perfect`` score F* is the highest of the batch, and
    aF + b gives what F gives. Minus the quotient is a similarity again. √μ(x) is one factor for all classes of an
    image; its answer turns on μ(y) alone.

    Args:
        k: neighbours ≥ 1; of fewer classes, or fewer images, all.
        perfect: F*, in units of the scores: 0 for negative distances, 1 for cosines; None: the highest of the batch.

    Raises:
        InputError: k is out of range, F* is not finite, or a score is above F*.
    """

    k: int = 10
    perfect: float | None = None

    transductive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_count(k=self.k)
        require(self.perfect is None or is_finite(self.perfect), "a finite number or null", perfect=self.perfect)

    def fitted(self, blocks: Blocks, seen: Bool[Array, " classes"]) -> Correct:  # noqa: ARG002
        """Gather F*, the mean distance and μ(y) in one pass, and return -d(x, y) / √(μ(x) μ(y))."""
        columns = gather_columns(blocks, self.k)
        highest, lowest = float(columns.highest.max()), float(columns.lowest.min())
        perfect = highest if self.perfect is None else self.perfect
        require(perfect >= highest, f"at least the highest score, {highest:g}, or null", perfect=perfect)
        unit = perfect - float(columns.mean.mean()) if perfect > lowest else 1.0

        def local(scores: Float64[Array, "..."], axis: Literal[0, 1]) -> Float64[Array, "..."]:
            return np.asarray(np.maximum(-nearest_mean((scores - perfect) / unit, self.k, axis), SMALLEST))

        near_y = local(columns.nearest, 0)

        def correct(scores: Float64[Array, "rows classes"], _start: int) -> Float64[Array, "rows classes"]:
            return np.asarray((scores - perfect) / unit / np.sqrt(local(scores, 1) * near_y))

        return correct
