"""Inverted softmax against loops over exponentials."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zsl.errors import InputError
from zsl.evaluation.corrections.inverted_softmax import InvertedSoftmax

matrices = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 7)), elements=st.integers(-8, 8))
temperatures = st.floats(0.05, 20)


@given(matrices, temperatures)
def test_it_is_the_formula(scores: np.ndarray, temperature: float) -> None:
    n, classes = scores.shape
    deviations = [(scores[i, j] - sum(scores[:, j]) / n) ** 2 for i in range(n) for j in range(classes)]
    tau = temperature * math.sqrt(sum(deviations) / (n * classes))
    found = InvertedSoftmax(temperature)(scores, np.zeros(classes, dtype=bool))
    for i in range(n):
        for j in range(classes):
            total = sum(math.exp((scores[x, j] - scores[i, j]) / tau) for x in range(n)) if tau else n
            assert found[i, j] == pytest.approx(-math.log(total), abs=1e-9)


@given(matrices, temperatures)
def test_every_class_spends_a_mass_of_1(scores: np.ndarray, temperature: float) -> None:
    found = InvertedSoftmax(temperature)(scores, np.zeros(scores.shape[1], dtype=bool))
    np.testing.assert_allclose(np.exp(found).sum(axis=0), 1, rtol=1e-9)


@pytest.mark.parametrize("temperature", [1e-6, 1e6])
def test_its_limits_subtract_the_best_and_the_mean_of_each_class(temperature: float) -> None:
    scores = np.random.default_rng(0).standard_normal((40, 6))
    sigma = scores.std(axis=0, ddof=0)
    found = InvertedSoftmax(temperature)(scores, np.zeros(6, dtype=bool)) * temperature * math.sqrt(np.mean(sigma**2))
    level = scores.max(axis=0) if temperature < 1 else scores.mean(axis=0)
    expected = scores - level
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=1e-5)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.mark.parametrize("temperature", [0, -1.0, math.inf, math.nan])
def test_bad_temperatures_are_refused_by_name(temperature: float) -> None:
    with pytest.raises(InputError, match=rf"correction.temperature={temperature}: must be a finite number greater"):
        InvertedSoftmax(temperature)
