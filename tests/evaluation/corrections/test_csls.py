"""CSLS against loops over neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.gathered import k_occurrence
from zsl.errors import InputError
from zsl.evaluation.corrections.csls import CSLS

matrices = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 7)), elements=st.integers(-8, 8))


def by_loops(scores: np.ndarray, k: int) -> list[list[float]]:
    def crowding(values: np.ndarray) -> float:
        nearest = sorted(values, reverse=True)[:k]
        return sum(nearest) / len(nearest)

    return [
        [2 * scores[i, j] - crowding(scores[i]) - crowding(scores[:, j]) for j in range(scores.shape[1])]
        for i in range(len(scores))
    ]


@given(matrices, st.integers(1, 10))
def test_it_is_the_formula_and_k_is_at_most_what_there_is(scores: np.ndarray, k: int) -> None:
    found = CSLS(k)(scores, np.zeros(scores.shape[1], dtype=bool))
    np.testing.assert_allclose(found, by_loops(scores, k), atol=1e-12)


@given(matrices, st.integers(1, 10), st.integers(-100, 100))
def test_a_constant_added_to_all_scores_cancels(scores: np.ndarray, k: int, constant: int) -> None:
    seen = np.zeros(scores.shape[1], dtype=bool)
    np.testing.assert_allclose(CSLS(k)(scores + constant, seen), CSLS(k)(scores, seen), atol=1e-12)


def test_what_lifts_a_class_for_every_image_is_halved() -> None:
    """2 (F + c) - (r + c): the lift of one column counts c where scores count double, so that its hub shrinks."""
    rng = np.random.default_rng(0)
    seen, labels = np.zeros(10, dtype=bool), np.arange(200) % 10
    level = np.eye(10)[labels] + 0.1 * rng.standard_normal((200, 10))
    lifted = level + 1.4 * (np.arange(10) == 3)
    gained = CSLS(10)(lifted, seen) - CSLS(10)(level, seen)
    np.testing.assert_allclose(gained[:, 3] - gained[:, 0], 1.4)
    assert k_occurrence(lifted, 1)[3] > 195
    assert k_occurrence(CSLS(10)(lifted, seen), 1)[3] < 40


@pytest.mark.parametrize("k", [0, -1, 1.5, True, None])
def test_k_out_of_range_is_refused_by_name(k: object) -> None:
    with pytest.raises(InputError, match=rf"correction.k={k}: must be a whole number of at least 1"):
        CSLS(k)  # type: ignore[arg-type]
