"""Pairing of runs, averaging before tests, and notes on comparisons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.errors import InputError
from zsl.outputs.result import Result, Selection
from zsl.reporting.comparison.classes import by_class
from zsl.reporting.comparison.comparisons import Comparisons, compare, contender_pairs, find_contender
from zsl.reporting.comparison.contenders import contenders, single_splits, split_groups
from zsl.reporting.comparison.paired import paired

Make = Callable[..., Result]
Keyed = Callable[..., dict[Path, Result]]


def compared(results: dict[Path, Result], metric: str = "T1", **arguments: Any) -> list[Comparisons]:
    runs = contenders(results)
    return compare(runs, metric, contender_pairs(runs, None), **arguments)


def on_split(make: Make, split: int, **changes: Any) -> Result:
    return make(data="toy", config={"data": {"split": split}}, prints={"trainval": f"{split:064x}"}, **changes)


def test_pairs_share_a_seed(make: Make, keyed: Keyed) -> None:
    ale = {0: 50.0, 1: 52.0, 2: 57.0, 7: 99.0}
    sje = {1: 51.0, 2: 50.0, 0: 48.5, 8: 1.0}
    runs = [
        make(method=name, seed=seed, T1=T1)
        for name, values in {"ale": ale, "sje": sje}.items()
        for seed, T1 in values.items()
    ]
    (family,) = compared(keyed(runs))
    (line,) = family.lines
    assert (family.unit, line.seeds, line.unpaired) == ("seed", 3, 2)
    assert line.paired == paired([50.0, 52.0, 57.0], [48.5, 51.0, 50.0])
    assert (line.a_mean, line.b_mean) == pytest.approx((53.0, 49.8333333333))


def test_seeds_of_a_class_split_count_once(make: Make, keyed: Keyed) -> None:
    """Count three splits of two seeds each as three pairs, not six."""
    T1 = np.random.default_rng(0).uniform(40, 60, size=(2, 3, 2)).round(3)
    results = [
        on_split(make, split, method=method, seed=seed, T1=float(T1[i, split, seed]))
        for i, method in enumerate(("ale", "sje"))
        for split in range(3)
        for seed in range(2)
    ]
    (family,) = compared(keyed(results))
    (line,) = family.lines
    assert (family.unit, line.paired.n, line.seeds) == ("class split", 3, 2)
    assert line.paired == paired(*T1.mean(axis=2).tolist())
    assert family.shared_images
    splits = compared(keyed(results), per_split=True)
    assert [one.unit for one in splits] == ["seed"] * 3
    assert [one.lines[0].paired for one in splits] == [paired(*T1[:, split].tolist()) for split in range(3)]


def test_worlds_with_images_of_their_own_are_independent(make: Make, keyed: Keyed) -> None:
    results = [
        make(method=method, config={"data": {"world_seed": i}}, prints={"features": f"{i:064x}", "labels": f"{i:064x}"})
        for method in ("ale", "sje")
        for i in range(2)
    ]
    (family,) = compared(keyed(results))
    assert (family.unit, family.shared_images) == ("class split", False)


def test_over_data_sets_each_counts_once(make: Make, keyed: Keyed) -> None:
    """Count two class splits of one data set and three data sets with one each as four pairs, tested by ranks only."""
    T1 = {"ale": [50.0, 54.0, 30.0, 40.0, 61.0], "sje": [49.0, 51.0, 31.0, 36.0, 56.0]}
    results = [on_split(make, i, method=method, T1=values[i]) for method, values in T1.items() for i in range(2)]
    results += [
        make(method=method, T1=values[i], data=f"d{i}", data_title=f"D{i}", prints={"features": f"{i:064x}"})
        for method, values in T1.items()
        for i in range(2, 5)
    ]
    *_, family = compared(keyed(results))
    (line,) = family.lines
    assert (family.unit, family.title) == ("data set", "4 data sets")
    assert line.paired == paired([30.0, 40.0, 61.0, 52.0], [31.0, 36.0, 56.0, 50.0], commensurable=False)
    assert line.paired.t_p is None


def test_closed_forms_have_no_p_over_seeds(make: Make, keyed: Keyed) -> None:
    results = [make(method=method, seed=seed, T1=T1) for method, T1 in [("a", 50.0), ("b", 60.0)] for seed in range(5)]
    ((line,),) = (family.lines for family in compared(keyed(results)))
    assert (line.paired.n, line.paired.t_p, line.t_holm, line.real) == (5, None, None, False)
    assert "one number repeated" in line.paired.remark


@given(st.lists(st.tuples(*[st.floats(10, 90)] * 2), min_size=2, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_runs_does_not_matter(
    make: Make, keyed: Keyed, table: list[tuple[float, ...]], random: Any
) -> None:
    results = keyed([make(method="ab"[j], seed=i, T1=row[j]) for i, row in enumerate(table) for j in range(2)])
    shuffled = list(results.items())
    random.shuffle(shuffled)
    assert compared(dict(shuffled)) == compared(results)


def test_holm_is_over_the_comparisons_of_one_table(make: Make, keyed: Keyed) -> None:
    T1 = np.random.default_rng(1).normal(50, 3, size=(3, 6)) + np.array([[0.0], [5.0], [9.0]])
    results = [make(method="abc"[i], seed=seed, T1=float(T1[i, seed])) for i in range(3) for seed in range(6)]
    (family,) = compared(keyed(results))
    p = sorted(line.paired.t_p for line in family.lines if line.paired.t_p is not None)
    assert len(p) == 3
    steps = [min(1.0, 3 * p[0]), min(1.0, 2 * p[1]), p[2]]
    corrected = sorted(line.t_holm for line in family.lines if line.t_holm is not None)
    assert corrected == pytest.approx([max(steps[: i + 1]) for i in range(3)])


@pytest.mark.parametrize(
    ("changes", "caution"),
    [
        ({"setting": "transductive"}, "inductive against transductive: the settings differ in what training may use"),
        ({"protocol": "final", "selection": Selection("validation")}, ""),
        ({"protocol": "tune", "selection": Selection("validation")}, "one was chosen on the validation classes"),
    ],
)
def test_an_unequal_footing_is_told(make: Make, keyed: Keyed, changes: dict[str, Any], caution: str) -> None:
    protocol = changes.get("protocol", "final")
    (family,) = compared(keyed([make(protocol=protocol), make(method="sje", **changes)]))
    assert family.lines[0].caution.startswith(caution)
    assert bool(family.lines[0].caution) == bool(caution)


@pytest.mark.parametrize("changes", [{"protocol": "tune"}, {"seed": 1}, {"prints": {"test_unseen": "a" * 64}}])
def test_what_shares_no_protocol_seed_or_split_is_not_compared(
    make: Make, keyed: Keyed, changes: dict[str, Any]
) -> None:
    assert compared(keyed([make(), make(method="ale", **changes)])) == []


def test_rows_are_named_by_as_much_as_tells_them_apart(make: Make, keyed: Keyed) -> None:
    runs = contenders(keyed([make(), make(gamma=10.0), make(method="ale"), make(method="ale", correction="csls")]))
    assert find_contender("ale", runs).label == "ale"
    assert find_contender("ale + csls", runs).label == find_contender("csls", runs).label == "ale + csls"
    assert (
        find_contender("eszsl gamma=10.0", runs).label == find_contender("gamma=10.0", runs).label == "eszsl gamma=10.0"
    )
    with pytest.raises(InputError, match=r"'eszsl' matches several rows; choose one of 'eszsl gamma=1"):
        find_contender("eszsl", runs)
    for unknown in ("sje", "", " "):
        with pytest.raises(InputError, match=r"matches no row; choose one of .*'ale', 'eszsl"):
            find_contender(unknown, runs)


def test_classes_by_hand(make: Make, keyed: Keyed) -> None:
    """Compare seed 1, which both have, but not seed 2; the class wren has no test images."""
    values = {"ale": [(10.0, 50.0), (30.0, 40.0), (0.0, 0.0)], "sje": [(5.0, 55.0), (20.0, 55.0)]}
    results = [
        make(
            method=method, seed=seed, per_class={"u": {"gull": u, "wren": None}, "s": {"crow": s}, "T1": {"gull": 1.0}}
        )
        for method, seeds in values.items()
        for seed, (u, s) in enumerate(seeds)
    ]
    runs = contenders(keyed(results))
    ((split,),) = (single_splits(one, runs) for one in split_groups(runs))
    found = by_class(split, runs, "H", find_contender("ale", runs), find_contender("sje", runs))
    assert found is not None
    assert found.seeds == (0, 1)
    gull, crow = found.lines
    assert (gull.name, gull.kind, gull.a_mean, gull.b_mean) == ("gull", "u", 20.0, 12.5)
    assert (gull.difference.mean, gull.gained, gull.lost) == (fmean([5.0, 10.0]), 2, 0)
    assert (crow.name, crow.kind, crow.difference.mean, crow.gained, crow.lost) == ("crow", "s", -10.0, 0, 2)
    assert crow.difference.ci == pytest.approx(12.706 * 5 / 2**0.5 * 2**0.5, rel=1e-3)
    other = by_class(split, runs, "H", find_contender("sje", runs), find_contender("ale", runs))
    assert other is not None
    assert [-line.difference.mean for line in reversed(other.lines)] == [line.difference.mean for line in found.lines]


def test_a_metric_without_classes_is_refused(make: Make, keyed: Keyed) -> None:
    runs = contenders(keyed([make(), make(method="ale")]))
    ((split,),) = (single_splits(one, runs) for one in split_groups(runs))
    with pytest.raises(InputError, match="--per-class: AUSUC has no values by class; --metric is one of T1, u, s, H"):
        by_class(split, runs, "AUSUC", *runs)
