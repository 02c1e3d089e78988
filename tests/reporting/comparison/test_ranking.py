"""Ranks, Friedman's test and the critical difference compared with published tables and loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaincc

from zsl.errors import InputError
from zsl.outputs.result import Result
from zsl.reporting.comparison.contenders import contenders, split_groups
from zsl.reporting.comparison.ranking import critical_difference, friedman, groups, rank

Make = Callable[..., Result]
Keyed = Callable[..., dict[Path, Result]]

tables = st.integers(3, 6).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 5), min_size=k, max_size=k), min_size=3, max_size=8)
)


@pytest.mark.parametrize(
    ("k", "q"),
    list(zip(range(2, 11), [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164], strict=True)),
)
def test_the_quantiles_are_those_printed_by_demsar(k: int, q: float) -> None:
    """Compare with table 5 (a) of Demšar 2006, α = .05."""
    assert critical_difference(k, 6) / math.sqrt(k * (k + 1) / 36) == pytest.approx(q, abs=1e-3)


def test_the_critical_difference_of_the_example_of_demsar() -> None:
    """Compare with the published value for four classifiers on 14 data sets."""
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)


@given(tables)
def test_friedman_by_its_formula(table: list[list[int]]) -> None:
    n, k = len(table), len(table[0])
    ranks = [[sum(w > v for w in row) + (1 + sum(w == v for w in row)) / 2 for v in row] for row in table]
    means = [math.fsum(column) / n for column in zip(*ranks, strict=True)]
    ties = sum(row.count(v) ** 3 - row.count(v) for row in table for v in set(row))
    found, statistic, p = friedman(np.array(table, dtype=float))
    assert found.tolist() == pytest.approx(means)
    if all(len(set(row)) == 1 for row in table):
        assert (statistic, p) == (0.0, 1.0)
        return
    chi2 = 12 * n / (k * (k + 1)) * (sum(mean**2 for mean in means) - k * (k + 1) ** 2 / 4)
    expected = chi2 / (1 - ties / (n * (k**3 - k)))
    assert statistic == pytest.approx(expected, abs=1e-9)
    assert p == pytest.approx(gammaincc((k - 1) / 2, expected / 2), abs=1e-9)


@given(st.lists(st.floats(1, 9), min_size=1, max_size=9).map(sorted), st.floats(0.01, 9))
def test_groups_are_the_largest_runs_within_the_difference(ranks: list[float], difference: float) -> None:
    k = len(ranks)
    close = {(i, j) for i in range(k) for j in range(i + 1, k) if ranks[j] - ranks[i] < difference}
    largest = {(i, j) for i, j in close if not {(i - 1, j), (i, j + 1)} & close}
    assert set(groups(ranks, difference)) == largest


def test_ranks_that_differ_by_exactly_the_difference_are_apart() -> None:
    assert groups([1.0, 2.0, 3.0], 1.0) == ()
    assert groups([1.0, 1.0, 2.0], 1.0) == ((0, 1),)


def world(i: int) -> dict[str, Any]:
    return {"data_title": f"set {i}", "data": f"set{i}", "prints": {"features": f"{i:064x}"}}


def three(make: Make, sets: int, **changes: Any) -> list[Result]:
    """Return results of three methods: a is best on every data set, b second, and c last."""
    order = {"a": 60.0, "b": 50.0, "c": 40.0}
    return [
        make(method=method, T1=T1 - i, seed=seed, **world(i), **changes)
        for method, T1 in order.items()
        for i in range(sets)
        for seed in range(2)
    ]


def ranked(results: dict[Path, Result], metric: str = "T1") -> Any:
    runs = contenders(results)
    return rank(split_groups(runs), runs, metric)


def test_the_best_has_rank_one(make: Make, keyed: Keyed) -> None:
    found = ranked(keyed(three(make, 5)))
    assert [contender.label for contender in found.contenders] == ["a", "b", "c"]
    assert found.ranks == (1.0, 2.0, 3.0)
    assert found.blocks == tuple(f"set {i}" for i in range(5))
    assert (found.statistic, found.unit) == (pytest.approx(10.0), "data set")
    assert found.p == pytest.approx(math.exp(-5))
    assert found.groups == ((0, 1), (1, 2))


def test_of_a_metric_that_is_better_when_lower_the_lowest_has_rank_one(make: Make, keyed: Keyed) -> None:
    results = [
        make(method=method, extra={"N1_skewness": skewness}, **world(i))
        for method, skewness in {"a": 3.0, "b": 2.0, "c": 1.0}.items()
        for i in range(3)
    ]
    found = ranked(keyed(results), "N1_skewness")
    assert [contender.label for contender in found.contenders] == ["c", "b", "a"]


def test_where_friedman_finds_nothing_all_are_one_group(make: Make, keyed: Keyed) -> None:
    results = [
        make(method=method, T1=50.0 + (i + j) % 3, **world(i)) for j, method in enumerate("abc") for i in range(3)
    ]
    found = ranked(keyed(results))
    assert found.p == pytest.approx(1.0)
    assert found.groups == ((0, 2),)
    assert "no difference is significant" in found.verdict


def test_who_was_not_run_everywhere_is_left_out_by_name(make: Make, keyed: Keyed) -> None:
    found = ranked(keyed([*three(make, 3), make(method="d", **world(0))]))
    assert [contender.label for contender in found.left_out] == ["d"]
    assert len(found.contenders) == 3


def test_who_lacks_the_metric_takes_no_part(make: Make, oracle: Make, keyed: Keyed) -> None:
    """Leave out rows and data sets that have the metric only with †."""
    found = ranked(keyed([*three(make, 3), *(oracle(method="d", **world(i)) for i in range(5))]))
    assert len(found.blocks) == 3
    assert found.left_out == ()
    assert len(found.contenders) == 3


def test_the_same_images_with_other_features_are_no_independent_data_set(make: Make, keyed: Keyed) -> None:
    found = ranked(keyed(three(make, 3)))
    assert found.shared_images
    own = [
        replace(run, fingerprints={**run.fingerprints, "labels": run.fingerprints["features"]})
        for run in three(make, 3)
    ]
    assert not ranked(keyed(own)).shared_images


def test_who_was_configured_for_each_data_set_is_named(make: Make, keyed: Keyed) -> None:
    results = [make(method="d", gamma=float(i), class_embedding=f"e{i}", **world(i)) for i in range(3)]
    found = ranked(keyed([*three(make, 3), *results]))
    assert [(contender.label, keys) for contender, keys in found.adapted] == [("d", ("gamma", "φ"))]


def test_class_splits_of_one_data_set_are_ranked_over(make: Make, keyed: Keyed) -> None:
    results = [
        make(method=method, T1=T1, config={"data": {"split": split}}, prints={"trainval": f"{ord(split):064x}"})
        for method, T1 in {"a": 60.0, "b": 50.0, "c": 40.0}.items()
        for split in "xyz"
    ]
    assert ranked(keyed(results)).unit == "class split"


@pytest.mark.parametrize(
    ("sets", "kept", "missing"),
    [
        (2, "abc", r"needs 3 data sets, or 3 class splits of one; here are 2 data sets \(set 0; set 1\)"),
        (1, "abc", r"here is 1 data set \(set 0\)"),
        (3, "ab", "needs 3 rows that were run on all 3 data sets; here a, b"),
    ],
)
def test_what_is_missing_is_said(make: Make, keyed: Keyed, sets: int, kept: str, missing: str) -> None:
    with pytest.raises(InputError, match=missing):
        ranked(keyed([result for result in three(make, sets) if result.method in kept]))
