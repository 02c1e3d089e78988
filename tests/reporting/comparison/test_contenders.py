"""Grouping of rows by contender, and of class splits by data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.outputs.result import Result, Selection
from zsl.reporting.comparison.contenders import Runs, contenders, single_splits, split_groups
from zsl.reporting.table import rows

Make = Callable[..., Result]
Keyed = Callable[..., dict[Path, Result]]

SUN: dict[str, Any] = {
    "data": "sun",
    "data_title": "SUN",
    "prints": {"features": "5" * 64, "class_embeddings": "6" * 64},
}


def labels(runs: Runs) -> list[str]:
    return [contender.label for contender in runs]


def test_a_hyperparameter_that_goes_with_the_data_set_tells_nothing_apart(make: Make, keyed: Keyed) -> None:
    runs = contenders(keyed([make(gamma=1.0), make(gamma=10.0, class_embedding="glove", **SUN)]))
    assert labels(runs) == ["eszsl"]
    assert len(next(iter(runs.values()))) == 2


def test_a_hyperparameter_that_was_varied_does(make: Make, keyed: Keyed) -> None:
    runs = contenders(keyed([make(gamma=1.0), make(gamma=10.0), make(gamma=10.0, **SUN), make(method="ale")]))
    assert labels(runs) == ["ale", "eszsl gamma=1.0", "eszsl gamma=10.0"]
    assert [len(worlds) for worlds in runs.values()] == [1, 1, 2]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"correction": "csls"}, ["eszsl + csls", "eszsl"]),
        (
            {"class_embedding": "glove", "prints": {"class_embeddings": "a" * 64}},
            ["eszsl φ=attributes", "eszsl φ=glove"],
        ),
        ({"selection": Selection("validation")}, ["eszsl selection=fixed", "eszsl selection=validation"]),
        ({"prints": {"class_embeddings": "a" * 64}}, ["eszsl embeddings=45672aa7", "eszsl embeddings=aaaaaaaa"]),
        (
            {"config": {"method": {"gamma": 1.0, "lamb": 0.1}, "data": {"scale": "l2"}}},
            ["eszsl scale=l2", "eszsl scale=–"],
        ),
    ],
)
def test_what_differs_on_one_class_split_is_compared(
    make: Make, keyed: Keyed, changes: dict[str, Any], expected: list[str]
) -> None:
    runs = contenders(keyed([make(), make(**changes)]))
    assert sorted(labels(runs)) == sorted(expected)
    assert len(split_groups(runs)) == 1


def test_values_that_are_written_alike_are_two(make: Make, keyed: Keyed) -> None:
    runs = contenders(keyed([make(config={"method": {"k": "1"}}), make(config={"method": {"k": 1}})]))
    assert labels(runs) == ["eszsl k=1", "eszsl k=1"]


worlds = st.lists(
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["eszsl", "ale"]),
            "seed": st.integers(0, 2),
            "gamma": st.sampled_from([1.0, 10.0]),
            "lamb": st.sampled_from([1.0, 10.0]),
            "class_embedding": st.sampled_from(["attributes", "glove"]),
            "protocol": st.sampled_from(["tune", "final"]),
            "prints": st.sampled_from([{}, {"features": "a" * 64}]),
        }
    ),
    min_size=1,
    max_size=14,
)


@given(world=worlds, data=st.data())
@settings(max_examples=40, deadline=None)
def test_no_run_is_lost_or_doubled_and_order_does_not_matter(
    make: Make, keyed: Keyed, world: list[dict[str, Any]], data: Any
) -> None:
    results = keyed([make(**changes) for changes in world])
    runs = contenders(results)
    assert len({contender.label for contender in runs}) == len(runs)
    kept = [run for by_split in runs.values() for by_seed in by_split.values() for run in by_seed.values()]
    assert len(kept) == sum(len(row.seeds) for row in rows(results))
    places = [place for group in split_groups(runs) for place in group.splits]
    assert set(places) == {place for by_split in runs.values() for place in by_split}
    assert len(places) == len(set(places))
    shuffled = dict(data.draw(st.permutations(list(results.items()))))
    assert contenders(shuffled) == runs
    assert split_groups(contenders(shuffled)) == split_groups(runs)


def drawn(make: Make, key: str, values: list[Any], **changes: Any) -> list[Result]:
    """Return results on class splits of one data set."""
    return [
        make(data="toy", config={"data": {key: value, "noise": 1}}, prints={"trainval": f"{i:064x}"}, **changes)
        for i, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("key", "values"), [("split", ["a", "b", "c"]), ("world_seed", [9, 10]), ("splits", ["/x/1.mat", "/x/2.mat"])]
)
def test_draws_of_one_data_set_are_a_population_in_their_order(
    make: Make, keyed: Keyed, key: str, values: list[Any]
) -> None:
    runs = contenders(keyed(drawn(make, key, values)))
    (found,) = split_groups(runs)
    assert found.title == f"toy, {len(values)} class splits"
    assert [part.title.rpartition("=")[2] for part in single_splits(found, runs)] == [str(value) for value in values]


def test_protocols_are_never_mixed(make: Make, keyed: Keyed) -> None:
    runs = contenders(keyed([*drawn(make, "split", ["a", "b"]), *drawn(make, "split", ["a", "b"], protocol="tune")]))
    assert [(one.protocol, len(one.splits)) for one in split_groups(runs)] == [("final", 2), ("tune", 2)]


def test_other_knobs_make_other_data_sets(make: Make, keyed: Keyed) -> None:
    results = [
        make(
            data="toy",
            config={"data": {"world_seed": seed, "noise": noise}},
            prints={"features": f"{seed}{noise}" * 32},
        )
        for seed in (1, 2)
        for noise in (3, 4)
    ]
    assert [len(one.splits) for one in split_groups(contenders(keyed(results)))] == [2, 2]


def test_other_features_that_the_configuration_does_not_name_are_no_other_split(make: Make, keyed: Keyed) -> None:
    runs = contenders(keyed([make(), make(prints={"features": "a" * 64})]))
    assert [len(one.splits) for one in split_groups(runs)] == [1, 1]
