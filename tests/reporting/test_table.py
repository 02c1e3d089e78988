"""Grouping of runs into rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.cli import main
from zsl.outputs.result import Result, Selection, gather
from zsl.reporting.table import Row, rows
from zsl.reporting.wording import options

Make = Callable[..., Result]
Keyed = Callable[..., dict[Path, Result]]

worlds = st.lists(
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["eszsl", "ale"]),
            "seed": st.integers(0, 3),
            "gamma": st.sampled_from([1.0, 10.0]),
            "T1": st.sampled_from([40.0, 50.0, 60.0]),
            "protocol": st.sampled_from(["tune", "final"]),
            "prints": st.sampled_from([{}, {"features": "a" * 64}]),
            "created": st.sampled_from(["2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"]),
        }
    ),
    min_size=1,
    max_size=12,
)


@given(world=worlds, data=st.data())
@settings(max_examples=50, deadline=None)
def test_the_order_of_results_does_not_matter(make: Make, keyed: Keyed, world: list[dict[str, Any]], data: Any) -> None:
    results = keyed([make(**changes) for changes in world])
    shuffled = dict(data.draw(st.permutations(list(results.items()))))
    assert rows(shuffled) == rows(results)


@given(world=worlds)
@settings(max_examples=50, deadline=None)
def test_a_run_on_other_data_changes_no_existing_row(make: Make, keyed: Keyed, world: list[dict[str, Any]]) -> None:
    results = [make(**changes) for changes in world]
    before = rows(keyed(results))
    after = rows(keyed([*results, make(prints={"test_unseen": "b" * 64})]))
    assert [row for row in after if row in before] == before
    assert len(after) == len(before) + 1


@given(world=worlds)
@settings(max_examples=50, deadline=None)
def test_every_row_is_the_mean_of_a_loop(make: Make, keyed: Keyed, world: list[dict[str, Any]]) -> None:
    """Average the latest run of each seed of each (method, γ, protocol, fingerprint) by hand."""
    expected: dict[tuple[str, ...], dict[int, tuple[str, str, float]]] = {}
    for i, changes in enumerate(world):
        key = (changes["method"], str(changes["gamma"]), changes["protocol"], str(changes["prints"]))
        age = (changes["created"], str(Path(f"runs/{i}/result.json")), changes["T1"])
        seeds = expected.setdefault(key, {})
        seeds[changes["seed"]] = max(seeds.get(changes["seed"], ("", "", 0.0)), age)
    found = rows(keyed([make(**changes) for changes in world]))
    means = [(len(s), round(sum(age[2] for age in s.values()) / len(s), 9)) for s in expected.values()]
    assert sorted((row.metrics["T1"].n, round(row.metrics["T1"].mean, 9)) for row in found) == sorted(means)


DIFFERENT: list[dict[str, Any]] = [
    {"method": "ale"},
    {"data_title": "CUB PS v2, 312 attributes"},
    {"class_embedding": "word2vec"},
    {"setting": "transductive"},
    {"protocol": "tune"},
    {"selection": Selection("validation")},
    {"prints": {"class_embeddings": "c" * 64}},
    {"prints": {"val": "c" * 64}},
    {"gamma": 10.0},
    {"config": {"method": {"gamma": 1.0, "lamb": 0.1, "coding": "-1,1"}}},
    {"config": {"method": {"gamma": 1.0, "lamb": 0.1}, "trainer": {"precision": "16-mixed"}}},
]


@pytest.mark.parametrize("changes", DIFFERENT, ids=str)
def test_what_differs_is_never_averaged(make: Make, keyed: Keyed, changes: dict[str, Any]) -> None:
    found = rows(keyed([make(seed=0, T1=10.0), make(seed=1, T1=30.0, **changes)]))
    assert sorted(row.metrics["T1"].mean for row in found) == [10.0, 30.0]


EQUAL: list[dict[str, Any]] = [
    {"paths": {"output": "elsewhere"}},
    {"logger": {"name": "wandb"}},
    {"trainer": {"accelerator": "gpu", "progress_bar": False}},
    {"hydra": {"job": {"num": 3}}},
    {"save": {"weights": True}},
    {"resume": True},
    {"data": {"root": "/mnt/b", "cache": "/mnt/c"}},
    {"data": {"splits": "/mnt/splits.json"}},
    {"class_embedding": {"parts": {"words": {"path": "/mnt/vectors.txt"}}}},
    {"seed": 1},
]


@pytest.mark.parametrize("changes", EQUAL, ids=str)
def test_place_machine_and_seed_do_not_divide_a_row(make: Make, keyed: Keyed, changes: dict[str, Any]) -> None:
    config = {"method": {"gamma": 1.0}}
    (row,) = rows(keyed([make(seed=0, T1=10.0, config=config), make(seed=1, T1=30.0, config=config | changes)]))
    assert row.seeds == (0, 1)
    assert (row.metrics["T1"].mean, row.metrics["T1"].n) == (20.0, 2)


def test_equal_repeats_of_a_seed_count_once(make: Make, keyed: Keyed) -> None:
    (row,) = rows(keyed([make(seed=0), make(seed=0, created="2026-02-01T00:00:00+00:00"), make(seed=1)]))
    assert row.seeds == (0, 1)
    assert row.metrics["T1"].n == 2
    assert row.warnings == ()


def test_rounding_is_no_disagreement_but_a_hundred_thousandth_is(make: Make, keyed: Keyed) -> None:
    (row,) = rows(keyed([make(T1=57.0), make(T1=57.0 + 1e-12)]))
    assert row.warnings == ()
    (row,) = rows(keyed([make(T1=57.0), make(T1=57.00001)]))
    assert len(row.warnings) == 1


def test_of_unequal_repeats_the_later_counts_and_a_warning_names_both(make: Make, keyed: Keyed) -> None:
    later = make(seed=0, T1=60.0, created="2026-02-01T00:00:00+00:00")
    (row,) = rows(keyed([later, make(seed=0, T1=50.0), make(seed=1, T1=50.0)]))
    assert row.metrics["T1"].mean == 55.0
    (warning,) = row.warnings
    for part in ("seed 0", "T1 is 60.0 in runs/0/result.json", "50.0 in runs/1/result.json", "counts", "delete"):
        assert part in warning


def test_a_metric_that_one_repeat_lacks_is_a_disagreement_too(make: Make, keyed: Keyed) -> None:
    (row,) = rows(keyed([make(), make(extra={"N1_skewness": 1.0})]))
    assert "N1_skewness is 1.0 in runs/1/result.json, None in runs/0/result.json" in row.warnings[0]


def chosen(make: Make, policy: str, gamma: float, seed: int) -> Result:
    """Return a result of ESZSL whose γ was chosen; its configuration keeps the configured γ."""
    metrics = {"T1†" if policy == "test" else "T1": 50.0}
    return make(seed=seed, gamma=gamma, metrics=metrics, selection=Selection(policy, {"method.gamma": gamma}))


@pytest.mark.parametrize("policy", ["validation", "test"])
def test_chosen_values_are_outcomes_that_the_row_names(make: Make, keyed: Keyed, policy: str) -> None:
    (row,) = rows(keyed([chosen(make, policy, 1.0, seed=0), chosen(make, policy, 10.0, seed=1)]))
    assert row.seeds == (0, 1)
    assert f"the values chosen on {policy} differ between seeds (method.gamma)" in row.warnings[0]


def test_equal_choices_give_no_warning(make: Make, keyed: Keyed) -> None:
    (row,) = rows(keyed([chosen(make, "validation", 1.0, seed) for seed in range(3)]))
    assert row.warnings == ()


def test_chosen_values_of_a_fixed_run_divide_rows(make: Make, keyed: Keyed) -> None:
    assert len(rows(keyed([chosen(make, "fixed", 1.0, 0), chosen(make, "fixed", 10.0, 1)]))) == 2


def test_rows_have_no_state(make: Make, keyed: Keyed) -> None:
    results = keyed([make(seed=seed) for seed in range(3)])
    first: list[Row] = rows(results)
    assert rows(results) == first
    assert rows({}) == []


SEARCH = {"sampler": "grid", "trials": None, "pruner": "none", "study": "eszsl-cub", "storage": None, "stale": 60}
GRID = {"sweep": {"gamma": [1.0, 10.0]}, "selection": {"policy": "validation", "objective": "T1"}}


def searched(make: Make, T1: float, seed: int, **search: Any) -> Result:
    config = GRID | ({"search": SEARCH | search} if search else {})
    return make(seed=seed, T1=T1, config=config, selection=Selection("validation", {"method.gamma": 1.0}))


@pytest.mark.parametrize("search", [{"sampler": "grid"}, {"study": "mine", "stale": 5}, {"storage": "sqlite:///a.db"}])
def test_a_grid_is_one_row_whoever_searched_it(make: Make, keyed: Keyed, search: dict[str, Any]) -> None:
    (row,) = rows(keyed([searched(make, 50.0, 0), searched(make, 52.0, 1, **search)]))
    assert (row.seeds, row.metrics["T1"].mean) == ((0, 1), 51.0)


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ({"sampler": "tpe", "trials": 50}, {"sampler=grid trials=–", "sampler=tpe trials=50"}),
        ({"pruner": "median"}, {"pruner=–", "pruner=median"}),
    ],
)
def test_another_search_is_another_row_that_says_so(
    make: Make, keyed: Keyed, search: dict[str, Any], told: set[str]
) -> None:
    found = rows(keyed([searched(make, 50.0, 0), searched(make, 52.0, 1, **search)]))
    assert len(found) == 2
    assert set(options(found)) == told


def test_fixed_hyperparameters_know_no_search(make: Make, keyed: Keyed) -> None:
    configs = [{"sweep": {}, "selection": {"policy": "fixed"}}, {"sweep": {"gamma": [1]}, "selection": {"patience": 3}}]
    configs[1]["selection"]["policy"] = "fixed"
    (row,) = rows(keyed([make(seed=i, config=config) for i, config in enumerate(configs)]))
    assert row.seeds == (0, 1)


def test_a_sweep_and_a_validation_of_the_command_line_are_one_row(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    few = ["data=synthetic", "method=eszsl", "sweep.gamma=[1.0]", "sweep.lamb=[0.1,1.0]"]
    assert main(["train", *few, "selection=validation", "seed=0", f"paths.output={tmp_path / 'train'}"]) == 0
    assert main(["sweep", *few, "search=grid", "seed=1", f"paths.output={tmp_path / 'sweep'}"]) == 0
    (row,) = rows(gather([tmp_path]))
    assert row.seeds == (0, 1)
