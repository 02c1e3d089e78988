"""Statistics over seeds against scipy.stats and against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from zsl.outputs.statistics import Summary, over_seeds, summarize

several = st.lists(st.floats(0, 100), min_size=2, max_size=12)


@given(several)
def test_the_interval_is_that_of_scipy_stats(values: list[float]) -> None:
    found = summarize(values)
    assert found.n == len(values)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-10)
    assert found.std == pytest.approx(np.std(values, ddof=1), abs=1e-10)
    error = stats.sem(values)
    assert found.ci is not None
    if error > 1e-12:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=error)
        assert found.mean - found.ci == pytest.approx(low, abs=1e-8)
        assert found.mean + found.ci == pytest.approx(high, abs=1e-8)


@given(several)
def test_the_standard_deviation_is_that_of_a_loop(values: list[float]) -> None:
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    assert summarize(values).std == pytest.approx(math.sqrt(variance), abs=1e-10)


@given(st.permutations([57.1, 3.3, 99.99, 1 / 3, 0.1]))
def test_the_order_of_seeds_changes_no_bit(values: list[float]) -> None:
    assert summarize(values) == summarize(sorted(values))


def test_the_t_quantile_of_five_seeds_is_that_of_the_tables() -> None:
    """Compare with t(.975, 4) = 2.776 and the standard deviation √2.5 of 1, …, 5."""
    assert summarize([1, 2, 3, 4, 5]).ci == pytest.approx(2.776 * math.sqrt(2.5 / 5), abs=5e-4)


def test_one_seed_has_no_interval() -> None:
    assert summarize([57.0]) == Summary(57.0, None, None, 1)


def test_equal_seeds_have_an_interval_of_exactly_zero() -> None:
    assert summarize([0.1] * 5) == Summary(0.1, 0.0, 0.0, 5)


def test_the_interval_covers_the_true_mean_in_95_percent_of_experiments() -> None:
    draws = np.random.default_rng(0).normal(50, 2, size=(2000, 5))
    covered = [abs(found.mean - 50) <= found.ci for found in map(summarize, draws.tolist()) if found.ci is not None]
    assert len(covered) == 2000
    assert np.mean(covered) == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 2000))


def test_a_metric_that_some_runs_lack_is_summarised_over_those_that_have_it() -> None:
    found = over_seeds([{"T1": 1.0}, {"T1": 3.0, "H": 5.0}])
    assert (found["T1"].mean, found["T1"].n) == (2.0, 2)
    assert (found["H"].mean, found["H"].n) == (5.0, 1)
