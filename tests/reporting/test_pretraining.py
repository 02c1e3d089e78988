"""What a backbone was trained on stands in every table and in every CSV, with a warning of unseen classes among it."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import hmean

from tests.reporting.test_published import written
from tests.reporting.test_report import run
from zsl.cli import main
from zsl.data.pretraining import OVERLAP, pretraining_notes
from zsl.outputs.result import Result, write

Make = Callable[..., Result]
NOTES = pretraining_notes({"pretraining": "imagenet1k", "labels": ["crow, raven"]}, ["crow"], np.array([False]))


def card(*notes: str) -> dict[str, Any]:
    whole = {"images": 9, "features": 4, "classes": {"seen": 2, "unseen": 1}, "parts": {}, "licences": []}
    return {"card": {**whole, "notes": ["another note", *notes]}}


CARD = card("backbone: resnet; crop", *NOTES)
OTHER = card(*pretraining_notes({"pretraining": "laion2b"}, [], np.array([], dtype=bool)))
CELL = f"imagenet1k; 1 of 1 unseen classes {OVERLAP}: crow"
WARNING = f"1 of 1 unseen classes {OVERLAP}: crow"
TEXTS = ["terminal", "markdown", "latex"]


def lines(page: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(page)))


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    """Runs of two methods on two data sets, of which the cards of Birds and Cars say what was pretrained on."""
    split = {"s_split": 80.0, "u_split": 60.0, "H_split": hmean([80.0, 60.0])}
    per_class = {"u": {"crow": 60.0, "gull": 70.0}}
    for title, known in (("Birds", CARD), ("Cars", OTHER)):
        for method, T1 in (("ale", 50.0), ("eszsl", 40.0)):
            for seed in range(2):
                more: dict[str, Any] = {"extra": split, "per_class": per_class, "u": 60.0 + seed, **known}
                named = {"data_title": title, "data": title.lower(), "method": method}
                write(make(seed=seed, T1=T1 + seed, **named, **more), tmp_path / f"{title}-{method}-{seed}")
    return tmp_path


def compared(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    assert main(["compare", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_a_table_has_it_as_a_column_of_csv_and_where_it_is_asked_for(
    runs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = lines(run(runs, "--format", "csv"))
    assert [line["pretraining"] for line in found] == [CELL, CELL, "laion2b", "laion2b"]
    assert WARNING in caplog.text
    page = run(runs, "--columns", "method,data,T1,pretraining", "--format", "csv")
    assert [line["pretraining"] for line in lines(page)] == [CELL, CELL, "laion2b", "laion2b"]
    assert f"| {CELL} |" in run(runs, "--columns", "+pretraining", "--format", "markdown")
    assert f"| {CELL} |" not in run(runs, "--format", "markdown")


@pytest.mark.parametrize("options", [(), ("--pivot", "T1"), ("--base-to-new",)])
@pytest.mark.parametrize("form", TEXTS)
def test_every_table_of_a_report_has_it_below(runs: Path, options: tuple[str, ...], form: str) -> None:
    page = run(runs, *options, "--format", form)
    tables = 2 if options == ("--base-to-new",) else 1
    assert page.count("Birds: pretraining: imagenet1k; unseen means unseen by the mapping") == tables
    assert page.count(f"warning: Birds: pretraining: {WARNING}") == tables
    assert page.count("Cars: pretraining: laion2b") == tables


def test_a_pivot_in_csv_has_it_by_data_set(runs: Path) -> None:
    ale, _ = lines(run(runs, "--pivot", "T1", "--format", "csv"))
    assert ale["pretraining"] == f"Birds: {CELL}; Cars: laion2b"


def test_labels_per_class_have_it(make: Make, tmp_path: Path) -> None:
    config = {"method": {"gamma": 1.0}, "data": {"shots": 4, "shots_seed": 0}}
    write(make(data_title="Birds, 4 shots (seed 0)", config=config, **CARD), tmp_path)
    page = run(tmp_path, "--shots", "--format", "markdown")
    assert page.count(f"- warning: Birds: pretraining: {WARNING}") == 2


@pytest.mark.parametrize("options", [(), ("--per-class",)])
def test_a_comparison_has_it(runs: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--metric", "u", *options)
    for form in TEXTS:
        page = compared(capsys, runs, *options, "--format", form)
        assert page.count("Birds: pretraining: imagenet1k; unseen means unseen by the mapping") == 1
        assert page.count(f"warning: Birds: pretraining: {WARNING}") == 1
    found = lines(compared(capsys, runs, *options, "--format", "csv"))
    assert {(line["data"], line["pretraining"]) for line in found} == {("Birds", CELL), ("Cars", "laion2b")}


def test_a_comparison_over_data_sets_names_them(make: Make, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method in ("ale", "eszsl"):
        write(make(method=method, data_title="Cats", data="cats"), runs / f"cats-{method}")
    found = lines(compared(capsys, runs, "--metric", "T1", "--format", "csv"))
    assert {line["data"]: line["pretraining"] for line in found} == {
        "Birds": CELL,
        "Cars": "laion2b",
        "Cats": "",
        "3 data sets": f"Birds: {CELL}; Cars: laion2b",
    }


def test_numbers_beside_published_ones_have_it(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZSL_DATA_ROOT", raising=False)
    written(make, tmp_path, "data=cub", "method=eszsl", **CARD)
    for form in TEXTS:
        page = run(tmp_path, "--published", "--format", form)
        tables = 1 + page.count("command: zsl train")
        assert page.count("CUB PS v1: pretraining: imagenet1k; unseen means unseen by the mapping") == tables > 1
        assert page.count(f"warning: CUB PS v1: pretraining: {WARNING}") == tables
    assert {line["pretraining"] for line in lines(run(tmp_path, "--published", "--format", "csv"))} == {CELL}
