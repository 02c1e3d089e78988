"""Warnings about hyperparameters that were chosen at an end of their search range."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.written_results import build
from zsl.config.experiment import Experiment
from zsl.outputs.edges import at_edge, still_rising
from zsl.outputs.result import Result, Selection, read
from zsl.reporting.layout import sheets
from zsl.reporting.table import rows
from zsl.runs.run import run

Make = Callable[..., Result]


def searched(values: list[Any], worth: list[float], key: str = "lamb", **config: Any) -> Result:
    """Return a result of a search over one hyperparameter, which chose the first of the best values."""
    trials = [{"chosen": {key: v, "epochs": 3}, "T1": w, "H": 0.0} for v, w in zip(values, worth, strict=True)]
    chosen = values[worth.index(max(worth))]
    name = key if key.startswith("correction.") else f"method.{key}"
    made = build(selection=Selection("validation", {name: chosen, "method.epochs": 3}, trials))
    return replace(made, config={**made.config, **config})


@given(worth=st.lists(st.integers(0, 9), min_size=3, max_size=6), order=st.randoms(use_true_random=False))
def test_an_edge_is_where_every_value_within_is_worse(worth: list[int], order: Any) -> None:
    axis = list(enumerate(map(float, worth)))
    order.shuffle(axis)
    values, scores = [10.0**i for i, _ in axis], [score for _, score in axis]
    found = at_edge(searched(values, scores))
    edge = max(worth[0], worth[-1]) > max(worth[1:-1])
    assert set(found) == ({"lamb"} if edge else set())
    if edge:
        assert found["lamb"].endswith(f"of 1.0 … {10.0 ** (len(worth) - 1)}")


@pytest.mark.parametrize(
    "values", [[0.1, 1.0], [1, 2, None], ["a", "b", "c"], [True, False, 3], [{"x": 1}, 1, 2], [1.0, 1.0, 2.0]]
)
def test_two_values_and_values_without_order_have_no_edge(values: list[Any]) -> None:
    assert at_edge(searched(values, [float(i) for i in range(len(values))])) == {}


@pytest.mark.parametrize(("value", "edge"), [(0.0101, True), (0.02, False), (10.0, False), (80.0, False), (99.9, True)])
def test_ends_of_a_range_are_its_last_hundredths(value: float, edge: bool) -> None:
    sweep = {"lamb": [{"low": 0.01, "high": 100.0, "log": True}]}
    assert bool(at_edge(searched([value, 1.0, 2.0], [9.0, 1.0, 2.0], sweep=sweep))) is edge


def test_the_objective_decides_and_corrections_have_axes_too() -> None:
    result = searched([1, 2, 3], [1.0, 2.0, 3.0], "correction.k")
    assert at_edge(result) == {"correction.k": "3 of 1 … 3"}
    assert at_edge(replace(result, config={"selection": {"objective": "H"}})) == {}


def test_a_best_epoch_that_is_the_last_is_told() -> None:
    result = searched([1, 2], [1.0, 2.0])
    assert still_rising(result) == ""

    def reached(*last: int, **config: Any) -> str:
        trials = [{**trial, "reached": epoch} for trial, epoch in zip(result.selection.trials, last, strict=True)]
        return still_rising(replace(result, selection=replace(result.selection, trials=trials), config=config))

    assert reached(3, 9) == ""
    assert reached(9, 3).startswith("T1 was still rising on validation classes after 3 epochs")
    assert reached(9, 3).endswith("method.epochs")
    assert reached(9, 3, method={"steps": 10, "budget": None}).endswith("method.steps")
    assert reached(9, 3, method={"steps": 10, "budget": "5min"}).endswith("method.budget or method.steps")
    assert "H_raw was" not in reached(9, 3, selection={"objective": "H_raw"})


def test_a_value_that_diverged_belongs_to_the_axis() -> None:
    result = searched([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    diverged = {"chosen": {"lamb": 4.0}, "diverged": "at step 3"}
    selection = replace(result.selection, trials=[*result.selection.trials, diverged])
    assert at_edge(replace(result, selection=selection)) == {}


def test_nothing_was_searched_nothing_is_at_an_edge(make: Make) -> None:
    assert at_edge(make()) == {}
    assert at_edge(make(selection=Selection("validation", {"method.lamb": 1.0}))) == {}


def test_a_table_says_it_once_for_all_seeds(keyed: Callable[..., dict[Path, Result]]) -> None:
    runs = [replace(searched([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), seed=seed) for seed in (0, 1)]
    (row,) = rows(keyed(runs))
    (line,) = [warning for warning in row.warnings if "edge" in warning]
    assert "lamb was chosen at the edge of its grid (3.0 of 1.0 … 3.0)" in line
    assert "extend sweep.lamb" in line
    assert any(line in note for sheet in sheets([row]) for note in sheet.notes)


def test_a_run_ends_with_a_warning_and_its_result_says_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Search with ESZSL where λ in feature space is far too small at all values but the last."""
    words = ["data=synthetic", "method=eszsl", "selection=validation", f"paths.cache={tmp_path}"]
    sweep = ["~sweep.lamb", "sweep.gamma=[1e5,1e4,1e3]", "method.lamb=0.1"]
    logging.getLogger("zsl").propagate = True
    run(Experiment.compose([*words, *sweep]), tmp_path)
    stored = read(tmp_path / "result.json")
    said = [record.getMessage() for record in caplog.records if "edge of its grid" in record.getMessage()]
    assert set(at_edge(stored)) == {"gamma"}
    assert len(said) == 1
    assert "gamma was chosen at the edge of its grid (1000.0 of 1000.0 … 100000.0)" in said[0]
