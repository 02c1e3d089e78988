"""Thinning of polylines: omitted points lie within the tolerance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zsl.reporting.html.thinning import thinned

coordinates = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=40)


def distance(p: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Return the distance from p to the segment from a to b, over a thousand of its points."""
    along = np.linspace(0, 1, 1001)[:, None]
    return float(np.hypot(*(a + along * (b - a) - p).T).min())


@given(coordinates, st.sampled_from([0.1, 1.0, 20.0]))
def test_every_point_is_near_the_line_that_remains(points: list[tuple[float, float]], tolerance: float) -> None:
    line = np.array(points)
    kept = thinned(line[:, 0], line[:, 1], tolerance)
    assert kept[0] == 0
    assert kept[-1] == len(line) - 1
    for i, j in pairwise(kept):
        for k in range(i + 1, j):
            assert distance(line[k], line[i], line[j]) <= tolerance + 0.1


def test_a_straight_line_is_two_points_and_a_staircase_keeps_its_corners() -> None:
    x = np.arange(1000.0)
    assert thinned(x, 2 * x, 1e-6).tolist() == [0, 999]
    u, s = np.array([0.0, 5, 10, 10, 10, 20]), np.array([30.0, 30, 30, 25, 20, 20])
    assert thinned(u, s, 0.1).tolist() == [0, 2, 4, 5]
