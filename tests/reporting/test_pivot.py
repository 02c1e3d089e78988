"""Methods by data sets: every number of the long table stands in the pivot, in its line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zsl
from tests.reporting.test_columns import cells
from tests.reporting.test_report import run
from zsl.outputs.result import Result, Selection, write
from zsl.reporting.layout import arrange, sheets
from zsl.reporting.pivot import pivot_sheets
from zsl.reporting.table import rows

Make = Callable[..., Result]
Keyed = Callable[..., dict[Path, Result]]
A, B = "AWA1 PS v1", "CUB PS v1"


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    for title, shift in ((A, 0.0), (B, 10.0)):
        for seed in range(3):
            ale = make(method="ale", seed=seed, T1=50 + shift + seed, data_title=title, data=title[:3].lower())
            write(ale, folder / f"ale-{title}-{seed}")
        write(
            make(T1=40 + shift, data_title=title, data=title[:3].lower(), deterministic=True), folder / f"eszsl-{title}"
        )
    write(make(method="sje", T1=30.0, data_title=A), folder / "sje")
    return folder


def test_methods_are_lines_and_data_sets_columns(runs: Path) -> None:
    page = run(runs, "--pivot", "T1", "--format", "markdown")
    assert page.startswith("## T1, Test images (protocol final) · attributes · inductive · fixed\n")
    assert cells(page) == [
        {"method": "ale", "seeds": "3: 0–2", A: "51.0 ± 2.5", B: "61.0 ± 2.5"},
        {"method": "eszsl", "seeds": "1: 0", A: "40.0", B: "50.0"},
        {"method": "sje", "seeds": "1: 0", A: "30.0", B: ""},
    ]
    assert "| ale | 3: 0–2 | **51.0 ± 2.5** | **61.0 ± 2.5** |" in page
    assert "bold: the best" in page
    assert "mean ± half width" in page


def test_several_metrics_stand_side_by_side(runs: Path) -> None:
    (first, *_) = cells(run(runs, "--pivot", "T1,H", "--format", "markdown"))
    assert list(first) == ["method", "seeds", f"{A} T1", f"{A} H", f"{B} T1", f"{B} H"]


@pytest.mark.parametrize("form", ["terminal", "latex", "csv"])
def test_every_format_has_the_pivot(runs: Path, form: str) -> None:
    page = run(runs, "--pivot", "T1", "--format", form, "--columns", "method")
    if form == "csv":
        ale, eszsl, sje = csv.DictReader(io.StringIO(page))
        assert (float(ale[f"{A} T1 mean"]), float(ale[f"{B} T1 mean"]), ale[f"{A} T1 n"]) == (51.0, 61.0, "3")
        assert (eszsl[f"{A} T1 ci95"], sje[f"{B} T1 mean"], sje["protocol"]) == ("", "", "final")
    else:
        between = "±" if form == "terminal" else r"$\pm$"
        (line,) = [line for line in page.splitlines() if line.strip().startswith("ale ")]
        assert f"51.0 {between} 2.5" in line
        assert f"61.0 {between} 2.5" in line


def test_hyperparameters_of_each_data_set_share_a_line(make: Make, keyed: Keyed) -> None:
    """As in a paper: one method with what is right for each data set; two variants on one data set are two lines."""
    results = [make(gamma=1.0, data_title=A), make(gamma=2.0, data_title=B)]
    (sheet,) = pivot_sheets(arrange(rows(keyed(results))), ["T1"])
    assert len(sheet.lines) == 1
    results.append(make(gamma=3.0, data_title=B, T1=9.0))
    (sheet,) = pivot_sheets(arrange(rows(keyed(results))), ["T1"])
    assert [line.cells[1].text for line in sheet.lines] == ["gamma=1.0", "gamma=2.0", "gamma=3.0"]


def test_numbers_chosen_on_the_test_set_have_columns_of_their_own(make: Make, oracle: Make, keyed: Keyed) -> None:
    chosen = make(T1=50.0, selection=Selection("validation"))
    (sheet,) = pivot_sheets(arrange(rows(keyed([chosen, oracle(T1=70.0)]))), ["T1"])
    found = [dict(zip(sheet.header, (cell.text for cell in line.cells), strict=True)) for line in sheet.lines]
    title = "CUB PS v1, 312 attributes"
    assert sorted((line[f"{title} T1"], line[f"{title} T1†"]) for line in found) == [("", "70.0"), ("50.0", "")]


worlds = st.lists(
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["eszsl", "ale"]),
            "data_title": st.sampled_from([A, B]),
            "class_embedding": st.sampled_from(["attributes", "glove"]),
            "gamma": st.sampled_from([1.0, 10.0]),
            "seed": st.integers(0, 2),
            "protocol": st.sampled_from(["tune", "final"]),
            "prints": st.sampled_from([{}, {"features": "a" * 64}, {"class_embeddings": "b" * 64}]),
            "T1": st.floats(20, 80),
        }
    ),
    min_size=1,
    max_size=14,
)


@given(worlds)
@settings(max_examples=60, deadline=None)
def test_no_number_is_lost_and_none_is_bold_elsewhere(make: Make, keyed: Keyed, world: list[dict[str, Any]]) -> None:
    found = arrange(rows(keyed([make(**changes) for changes in world])))
    long, wide = sheets(found, ["T1"]), pivot_sheets(found, ["T1"])
    for one, other in zip(long, wide, strict=True):
        numbers = [
            sorted(
                (cell.text, cell.best, cell.value)
                for line in sheet.lines
                for cell, number in zip(line.cells, sheet.numeric, strict=True)
                if number and cell.text
            )
            for sheet in (one, other)
        ]
        assert numbers[0] == numbers[1]


def test_python_makes_the_same_tables(runs: Path) -> None:
    found = zsl.results(runs)
    assert found.table(pivot=["T1"]) == run(runs, "--pivot", "T1", "--format", "markdown")
    names = found.table(columns=["method", "T1"], names={"ale": "ALE"}, form="latex")
    assert names == run(runs, "--columns", "method,T1", "--names", "ale=ALE", "--format", "latex")
    with pytest.raises(zsl.errors.InputError, match="form=pdf"):
        found.table(form="pdf")
