"""Thinning of polylines by the Ramer-Douglas-Peucker algorithm."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array


def thinned(x: Float64[Array, " n"], y: Float64[Array, " n"], tolerance: float) -> Int64[Array, " m"]:
    """Return positions of points to keep so that all others are within ``tolerance`` of the remaining polyline.

    The point farthest from a chord is kept, and both halves are divided in the same way
    [Ramer1972, DouglasPeucker1973]. Distances are Euclidean, so that x and y must have the same unit: percent, or
    fractions of the width and height of the plot.
    """
    kept = {0, len(x) - 1}
    chords = [(0, len(x) - 1)]
    while chords:
        i, j = chords.pop()
        if j - i < 2:
            continue
        distance = _to_chord(x[i + 1 : j], y[i + 1 : j], (x[i], y[i]), (x[j], y[j]))
        far = int(distance.argmax())
        if distance[far] > tolerance:
            middle = i + 1 + far
            kept.add(middle)
            chords += [(i, middle), (middle, j)]
    return np.array(sorted(kept), dtype=np.int64)


def _to_chord(x: Array, y: Array, a: tuple[float, float], b: tuple[float, float]) -> Float64[Array, " n"]:
    """Return distances to the segment from a to b."""
    along = np.array([b[0] - a[0], b[1] - a[1]])
    offset = np.stack([x - a[0], y - a[1]], axis=1)
    length = float(along @ along)
    share = np.clip(offset @ along / length, 0, 1) if length > 0 else np.zeros(len(x))
    distance: Array = np.hypot(*(offset - share[:, None] * along).T)
    return distance
