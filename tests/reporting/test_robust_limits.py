"""Limits that outliers do not stretch, and the plots that use them."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zsl.reporting import feature_plot
from zsl.reporting.robust_limits import FENCE, Limits, note

POINTS = arrays(np.float64, st.tuples(st.integers(8, 40), st.just(2)), elements=st.floats(-1e3, 1e3))


@given(POINTS)
def test_what_is_not_far_out_is_within(points: np.ndarray) -> None:
    limits = Limits.of(points)
    clipped = limits.clipped(points)
    assert (clipped >= limits.low).all()
    assert (clipped <= limits.high).all()
    for axis, values in enumerate(points.T):
        q1, q3 = np.quantile(values, [0.25, 0.75])
        for value in values:
            far = q3 > q1 and not q1 - FENCE * (q3 - q1) <= value <= q3 + FENCE * (q3 - q1)
            assert far == (not limits.low[axis] <= value <= limits.high[axis])
    kept = ~limits.beyond(points)
    assert np.array_equal(clipped[kept], points[kept])


@given(st.integers(0, 2**32 - 1), st.integers(8, 60), st.floats(1e6, 1e12))
def test_one_outlier_stretches_nothing_however_far_it_is(seed: int, n: int, far: float) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 2))
    one, other = (Limits.of(np.vstack([points, [size, -size]])) for size in (far, 2 * far))
    assert np.array_equal(one.low, other.low)
    assert np.array_equal(one.high, other.high)
    assert (one.high <= points.max(axis=0)).all()
    assert (one.low >= points.min(axis=0)).all()


def test_the_plot_counts_what_lies_far_out() -> None:
    rng = np.random.default_rng(0)
    real, labels = rng.normal(size=(80, 5)), np.arange(80) % 2

    def title(synthetic: np.ndarray) -> str:
        drawing = feature_plot.draw(real, labels, synthetic, np.arange(len(synthetic)) % 2, ["a", "b"], "svg").decode()
        return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawing)) + str(_ticks(drawing))

    near = rng.normal(size=(20, 5))
    assert "far out" not in title(near)
    assert note(1) in title(np.vstack([near, np.full((1, 5), 1e6)]))
    assert note(2) in title(np.vstack([near, np.full((1, 5), 1e6), np.full((1, 5), -1e6)]))


def _ticks(drawing: str) -> float:
    """Return the largest number on an axis, which an outlier would raise."""
    numbers = [float(text.replace("−", "-")) for text in re.findall(r">(−?\d+(?:\.\d+)?)</text>", drawing)]
    assert max(numbers) < 100
    return max(numbers)
