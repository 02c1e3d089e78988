"""Outcomes of equivalence tests, compared with intervals and tests of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from zsl.outputs.statistics import Summary, summarize
from zsl.reporting.equivalence import MAX_SEEDS, MIN_SEEDS, difference

accuracies = st.floats(20, 80).map(lambda value: round(value, 2))
several = st.lists(accuracies, min_size=2, max_size=12)


def printed(value: float) -> Summary:
    return Summary(value, None, None, 1)


@given(several, accuracies, st.floats(0.1, 20))
def test_the_interval_is_scipys_and_decides(ours: list[float], theirs: float, tolerance: float) -> None:
    found = difference(summarize(ours), printed(theirs), tolerance)
    d = np.array(ours) - theirs
    assert found.half is not None
    low = high = d.mean()
    if np.ptp(d):
        low, high = stats.t.interval(0.95, len(d) - 1, d.mean(), stats.sem(d))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high), abs=1e-6)
    inside, enough = max(abs(low), abs(high)) <= tolerance + 1e-9, len(ours) >= MIN_SEEDS
    expected = "better" if low > tolerance else "worse" if high < -tolerance else "inconclusive"
    assert found.outcome == ("reproduced" if inside and enough else expected)


@given(st.lists(accuracies, min_size=5, max_size=12), accuracies, st.floats(0.1, 20))
def test_reproduced_is_what_two_one_sided_tests_establish(ours: list[float], theirs: float, tolerance: float) -> None:
    d = np.array(ours) - theirs
    if np.ptp(d) < 1e-6:
        return
    p = max(
        stats.ttest_1samp(d, -tolerance, alternative="greater").pvalue,
        stats.ttest_1samp(d, tolerance, alternative="less").pvalue,
    )
    if abs(p - 0.025) > 1e-6:
        found = difference(summarize(ours), printed(theirs), tolerance)
        assert (found.outcome == "reproduced") == (p < 0.025)


@given(several, several, st.floats(0.1, 20))
def test_a_claim_of_several_runs_is_compared_by_welchs_interval(
    ours: list[float], theirs: list[float], tolerance: float
) -> None:
    if np.ptp(ours) < 1e-3 or np.ptp(theirs) < 1e-3:
        return
    found = difference(summarize(ours), summarize(theirs), tolerance)
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert found.half == pytest.approx((interval.high - interval.low) / 2, rel=1e-6)


@given(several, accuracies, st.floats(0.1, 5))
def test_so_many_seeds_would_decide_and_fewer_would_not(ours: list[float], theirs: float, tolerance: float) -> None:
    summary = summarize(ours)
    found = difference(summary, printed(theirs), tolerance)
    if found.outcome != "inconclusive" or found.seeds is None:
        return

    def with_seeds(n: int) -> str:
        return difference(Summary(summary.mean, summary.std, None, n), printed(theirs), tolerance).outcome

    assert found.seeds <= MAX_SEEDS
    assert with_seeds(found.seeds) != "inconclusive"
    assert found.seeds - 1 <= max(len(ours), MIN_SEEDS - 1) or with_seeds(found.seeds - 1) == "inconclusive"


def test_one_lucky_seed_reproduces_nothing() -> None:
    found = difference(summarize([54.9]), printed(54.9), 2.0)
    assert (found.outcome, found.half, found.seeds) == ("inconclusive", None, MIN_SEEDS)


def test_seeds_that_scatter_around_a_number_do_not_reproduce_it() -> None:
    found = difference(summarize([40.0, 70.0, 54.7]), printed(54.9), 2.0)
    assert found.outcome == "inconclusive"
    assert found.seeds is not None
    assert found.seeds > 200


def test_four_seeds_are_too_few_however_close() -> None:
    assert difference(summarize([54.9] * 4), printed(54.9), 2.0).outcome == "inconclusive"
    assert difference(summarize([54.9] * 4), printed(54.9), 2.0).seeds == MIN_SEEDS
    assert difference(summarize([54.9] * 4), printed(54.9), 2.0, deterministic=True).outcome == "reproduced"


@pytest.mark.parametrize(
    ("ours", "outcome"), [(56.9, "reproduced"), (56.91, "better"), (52.9, "reproduced"), (52.89, "worse")]
)
def test_what_no_seed_changes_is_decided_by_one(ours: float, outcome: str) -> None:
    assert difference(summarize([ours]), printed(54.9), 2.0, deterministic=True).outcome == outcome


def test_a_mean_at_the_edge_of_the_tolerance_is_decided_by_no_number_of_seeds() -> None:
    found = difference(summarize([54.0, 56.0, 58.0, 56.0, 56.0]), printed(54.0), 2.0)
    assert (found.outcome, found.seeds) == ("inconclusive", None)


def test_a_claim_that_scatters_cannot_be_decided_by_more_seeds_of_ours() -> None:
    found = difference(summarize([50.0]), summarize([45.0, 55.0]), 2.0, deterministic=True)
    assert (found.outcome, found.seeds) == ("inconclusive", None)


def test_the_verdict_is_right_in_the_long_run() -> None:
    """Limit false positives: a method 2.1 points off counts as reproduced within 2 in at most 2.5 % of experiments."""
    generator = np.random.default_rng(0)
    runs = 50 + 2.1 + generator.normal(0, 0.5, (2000, 5))
    called = [difference(summarize(list(run)), printed(50.0), 2.0).outcome for run in runs]
    assert called.count("reproduced") <= 0.025 * len(called)
    assert called.count("worse") == 0
