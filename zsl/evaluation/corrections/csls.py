"""CSLS, cross-domain similarity local scaling: classes near to many images score less [Conneau2018]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool
from numpy import ndarray as Array

from zsl.evaluation.corrections.columns import gather_columns, nearest_mean
from zsl.evaluation.corrections.correction import Blocks, Correct, Correction, require_count


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

    def fitted(self, blocks: Blocks, seen: Bool[Array, " classes"]) -> Correct:  # noqa: ARG002
        """Gather r(y) in one pass, and return 2 F(x, y) - r(x) - r(y)."""
        r_y = nearest_mean(gather_columns(blocks, self.k).nearest, self.k, 0)
        return lambda scores, _start: 2 * scores - nearest_mean(scores, self.k, 1) - r_y
