"""NICDM against loops over distances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsl.errors import InputError
from zsl.evaluation.corrections.nicdm import NICDM


def by_loops(d: np.ndarray, k: int) -> list[list[float]]:
    """The secondary distances of the paper."""

    def local(values: np.ndarray) -> float:
        nearest = sorted(values)[:k]
        return sum(nearest) / len(nearest)

    return [[d[i, j] / math.sqrt(local(d[i]) * local(d[:, j])) for j in range(d.shape[1])] for i in range(len(d))]


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 8), st.integers(1, 10))
def test_on_negative_distances_it_is_the_papers(seed: int, n: int, classes: int, k: int) -> None:
    d = np.random.default_rng(seed).random((n, classes)) + 0.01
    found = NICDM(k, perfect=0.0)(-d, np.zeros(classes, dtype=bool))
    np.testing.assert_allclose(-found, by_loops(d, k), rtol=1e-10)


@given(st.integers(0, 1000), st.integers(2, 6))
def test_without_a_perfect_score_distances_are_from_the_best_of_the_batch(seed: int, k: int) -> None:
    F = np.random.default_rng(seed).standard_normal((9, 5))
    found = NICDM(k)(F, np.zeros(5, dtype=bool))
    np.testing.assert_allclose(-found, by_loops(F.max() - F, k), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(NICDM(k)(3 * F - 7, np.zeros(5, dtype=bool)), found, rtol=1e-9, atol=1e-12)


def test_a_perfect_match_divides_nothing_by_zero() -> None:
    F = np.array([[1.0, 0.5], [0.2, 0.1]])
    found = NICDM(k=1)(F, np.zeros(2, dtype=bool))
    assert np.isfinite(found).all()
    assert found[0, 0] == 0 == found.max()


def test_bad_hyperparameters_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"correction.k=0: must be a whole number of at least 1"):
        NICDM(k=0)
    with pytest.raises(InputError, match=r"correction.perfect=nan: must be a finite number or null"):
        NICDM(perfect=math.nan)
    with pytest.raises(InputError, match=r"correction.perfect=1: must be at least the highest score, 1.5, or null"):
        NICDM(perfect=1)(np.array([[1.5, 0.0]]), np.zeros(2, dtype=bool))
