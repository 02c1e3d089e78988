"""Shares of variance compared with sums of squares, and their invariances."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from zsl.reporting.html.importance import full, levels, main_effects


def grid(a: int, b: int) -> list[dict[str, object]]:
    return [{"a": x, "b": y} for x, y in itertools.product(range(a), "uvwxyz"[:b])]


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=4), elements=st.integers(0, 100)))
def test_shares_of_a_full_grid(table: np.ndarray) -> None:
    """Compare with the sums of squares of a two-way layout; the shares add up to 1 minus the interaction."""
    assume(np.ptp(table) > 0)
    (a, b), points = table.shape, grid(*table.shape)
    total = ((table - table.mean()) ** 2).sum()
    shares = main_effects(points, list(table.flat))
    assert shares["a"] == pytest.approx(b * ((table.mean(axis=1) - table.mean()) ** 2).sum() / total)
    assert shares["b"] == pytest.approx(a * ((table.mean(axis=0) - table.mean()) ** 2).sum() / total)
    cross = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    assert sum(shares.values()) == pytest.approx(1 - (cross**2).sum() / total)
    assert full(points)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_what_does_nothing_has_no_share_and_an_additive_score_no_interaction() -> None:
    points = grid(3, 3)
    assert main_effects(points, [float(point["a"]) for point in points]) == pytest.approx({"a": 1.0, "b": 0.0})  # type: ignore[arg-type]
    scores = [float(point["a"]) + 2.0 * "uvw".index(str(point["b"])) for point in points]  # type: ignore[arg-type]
    assert sum(main_effects(points, scores).values()) == pytest.approx(1.0)


def test_nothing_varied_nothing_shared() -> None:
    assert main_effects([{"a": 1}, {"a": 1}], [1.0, 2.0]) == {}
    assert main_effects([{"a": 1}, {"a": 2}], [1.0, 1.0]) == {}
    assert not full([{"a": 1, "b": 1}, {"a": 2, "b": 2}])


def test_many_numbers_are_cut_at_their_quartiles() -> None:
    drawn = np.random.default_rng(0).uniform(size=100)
    assert np.unique(levels(list(drawn)), return_counts=True)[1].tolist() == [25, 25, 25, 25]
    noise = np.random.default_rng(1).normal(size=100)
    assert main_effects([{"a": x} for x in drawn], list(noise))["a"] < 0.2
