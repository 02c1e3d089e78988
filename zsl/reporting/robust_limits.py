"""Limits of axes that a few outliers do not stretch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

FENCE = 3.0
"""interquartile ranges beyond the quartiles from which a value is far out [Tukey1977]"""


@dataclass(frozen=True)
class Limits:
    """Limits of the axes of a plot: smallest and largest value on each that is not far out."""

    low: Float[Array, " axes"]
    high: Float[Array, " axes"]

    @classmethod
    def of(cls, points: Float[Array, "n axes"]) -> Limits:
        """Return the limits of points; an axis on which half of the values are equal has no outliers."""
        q1, q3 = np.quantile(points, [0.25, 0.75], axis=0)
        reach = np.where(q3 > q1, FENCE * (q3 - q1), np.inf)
        inside = (points >= q1 - reach) & (points <= q3 + reach)
        return cls(np.where(inside, points, np.inf).min(axis=0), np.where(inside, points, -np.inf).max(axis=0))

    def beyond(self, points: Float[Array, "n axes"]) -> Bool[Array, " n"]:
        """Return whether a point lies beyond the limits."""
        outside: Bool[Array, " n"] = np.any((points < self.low) | (points > self.high), axis=1)
        return outside

    def clipped(self, points: Float[Array, "n axes"]) -> Float[Array, "n axes"]:
        """Return the points, those beyond the limits moved to the border."""
        return points.clip(self.low, self.high)


def note(count: int) -> str:
    """Return the note on points that are drawn at the border; empty for none."""
    which = "1 point lies far out and is" if count == 1 else f"{count} points lie far out and are"
    return f"{which} drawn at the border" if count else ""
