"""Mutual proximity against loops, with scipy's normal distribution and with counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from zsl.errors import InputError
from zsl.evaluation.corrections.mutual_proximity import MutualProximity

matrices = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 7)), elements=st.integers(-8, 8))


def gaussian(value: float, values: np.ndarray) -> float:
    return 0.5 if len(set(values)) == 1 else float(norm(np.mean(values), np.std(values)).cdf(value))


def empirical(value: float, values: np.ndarray) -> float:
    return (sum(other < value for other in values) + 0.5 * sum(other == value for other in values)) / len(values)


@pytest.mark.parametrize(("marginals", "below"), [("gaussian", gaussian), ("empirical", empirical)])
@given(scores=matrices)
def test_it_is_the_product_of_the_marginals(scores: np.ndarray, marginals: str, below) -> None:
    found = MutualProximity(marginals)(scores, np.zeros(scores.shape[1], dtype=bool))  # type: ignore[arg-type]
    expected = [
        [below(F, scores[i]) * below(F, scores[:, j]) for j, F in enumerate(row)] for i, row in enumerate(scores)
    ]
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-9)


def test_in_distances_it_is_the_papers_probability_of_being_farther() -> None:
    """P(X > d) of distances is P(F < -d) of scores, for both."""
    d = np.random.default_rng(0).random((20, 6))
    found = MutualProximity()(-d, np.zeros(6, dtype=bool))
    farther = norm(d.mean(axis=1, keepdims=True), d.std(axis=1, keepdims=True)).sf(d)
    farther *= norm(d.mean(axis=0), d.std(axis=0)).sf(d)
    np.testing.assert_allclose(np.exp(found), farther, rtol=1e-9)


@given(matrices)
def test_empirical_marginals_know_order_only(scores: np.ndarray) -> None:
    seen = np.zeros(scores.shape[1], dtype=bool)
    correction = MutualProximity("empirical")
    assert (correction(np.exp(scores), seen) == correction(scores, seen)).all()


def test_far_out_in_a_tail_scores_do_not_tie() -> None:
    scores = np.zeros((400, 2))
    scores[0] = [1e4, 1e4 + 1]
    scores[1:, 1] = np.linspace(-1, 1, 399)
    found = MutualProximity()(scores, np.zeros(2, dtype=bool))
    assert math.exp(found[0].min() - found[0].max()) < 1


def test_unknown_marginals_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"correction.marginals=gamma: must be gaussian or empirical"):
        MutualProximity("gamma")  # type: ignore[arg-type]
