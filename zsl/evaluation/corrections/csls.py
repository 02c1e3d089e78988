"""CSLS, cross-domain similarity local scaling: classes near to many images score less [Conneau2018]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from zsl.evaluation.corrections.correction import Correction, require_count
from zsl.evaluation.corrections.neighbourhood import nearest_mean


@dataclass(frozen=True)
class CSLS(Correction):
    """CSLS(x, y) = 2 F(x, y) - r(x) - r(y)

    with r(x) the mean score of image x with its k best classes, and r(y) that of class y with its k best images of the
    batch. The paper has cosines for F; nothing in the formula needs them. A constant added to all scores cancels.

    Args:
        k: neighbours ≥ 1; of fewer classes, or fewer images, all.

    Raises:
        InputError: k is out of range.
    """

    k: int = 10

    transductive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_count(k=self.k)

    def __call__(
        self, scores: Float64[Array, "n classes"], _seen: Bool[Array, " classes"], /
    ) -> Float64[Array, "n classes"]:
        """Return 2 F(x, y) - r(x) - r(y)."""
        r_x, r_y = (nearest_mean(scores, self.k, axis) for axis in (1, 0))
        return np.asarray(2 * scores - r_x - r_y)
