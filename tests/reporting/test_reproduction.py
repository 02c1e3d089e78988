"""Comparison of experiments with published numbers: grouping of runs, tables, commands and paths."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zsl.errors import InputError
from zsl.outputs.result import Result
from zsl.reporting.layout import MEAN_OF_H
from zsl.reporting.reproduction import command, reproductions, sections, summary
from zsl.reporting.reproduction_csv import table_csv

Make = Callable[..., Result]
Keyed = Callable[..., dict[Path, Result]]

PUBLISHED = {
    "source": "Nobody 2020",
    "features": "res101",
    "split": "PS v1",
    "class_embedding": "attributes",
    "setting": "inductive",
    "selection": "the last epoch",
    "selected_on": "nothing",
    "tolerance": 2.0,
    "results": {
        "cub": [
            {"T1": 56.0, "H": 30.0, "verified": True},
            {"T1": 50.0, "verified": True, "source": "public code", "features": "resnet"},
            {"T1": 57.0, "verified": False, "source": "a friend"},
        ]
    },
}


def runs(make: Make, experiment: str = "eszsl_nobody2020", T1: float = 57.0, count: int = 5) -> list[Result]:
    config = {"data": {"features": "res101.mat"}, "method": {"gamma": 1.0}, "published": PUBLISHED}
    return [
        make(
            T1=T1 + seed / 10,
            seed=seed,
            config=config | {"seed": seed},
            overrides=[f"experiments={experiment}", "data=cub", f"seed={seed}", f"paths.output=runs/{seed}"],
        )
        for seed in range(count)
    ]


def texts(sheet: Any) -> list[list[str]]:
    return [[cell.text for cell in line.cells] for line in sheet.lines]


def test_seeds_of_one_experiment_are_one_row(make: Make, keyed: Keyed) -> None:
    (found,) = reproductions(keyed([*runs(make), make(T1=1.0)]))
    assert found.experiment == "eszsl_nobody2020"
    assert found.row.seeds == (0, 1, 2, 3, 4)
    assert found.row.metrics["T1"].mean == pytest.approx(57.2)
    assert [comparison.verdict for comparison in found.comparisons] == ["reproduced", *["not comparable"] * 2]
    assert len(found.paths) == 5


def test_one_configuration_in_two_experiments_is_two_rows(make: Make, keyed: Keyed) -> None:
    found = reproductions(keyed([*runs(make), *runs(make, "other_nobody2020")]))
    assert [each.experiment for each in found] == ["eszsl_nobody2020", "other_nobody2020"]


def test_the_summary_has_a_line_for_every_claim(make: Make, keyed: Keyed) -> None:
    sheet = summary(reproductions(keyed(runs(make))))
    assert len({len(line) for line in [*texts(sheet), sheet.header]}) == 1
    lines = [dict(zip(sheet.header, line, strict=True)) for line in texts(sheet)]
    assert [line["beside"] for line in lines] == ["Nobody 2020", "public code", "a friend"]
    assert [line["experiment"] for line in lines] == ["eszsl_nobody2020", "", ""]
    assert [line["T1 published"] for line in lines] == ["56.0", "50.0", "57.0?"]
    assert [line["T1 difference"] for line in lines] == ["+1.2 ± 0.2", "+7.2 ± 0.2", "+0.2 ± 0.2"]
    assert [line["verdict"] for line in lines] == ["reproduced [1]", "not comparable [2]", "not comparable [3]"]
    assert (
        "[1] features are identified as res101 by the file name only: the published fingerprint is unknown"
        in sheet.notes
    )
    assert "[2] other features (res101, not resnet)" in sheet.notes
    assert "[3] unverified number" in sheet.notes
    assert MEAN_OF_H in sheet.notes
    assert "?: unverified: quoted from memory, not read in its source" in sheet.notes
    assert not any("fewer than" in note for note in sheet.notes)
    few = summary(reproductions(keyed(runs(make, count=4))))
    assert "warning: numbers of eszsl_nobody2020 come from fewer than 5 seeds" in few.notes
    assert texts(few)[0][4] == "inconclusive: T1 +1.1 ± 0.2, H +0.0; about 5 seeds would tell [1]"
    closed = summary(reproductions(keyed([replace(runs(make, count=1)[0], deterministic=True)])))
    assert texts(closed)[0][4] == "reproduced [1]"
    assert not any("fewer than" in note for note in closed.notes)


def test_a_section_says_where_its_numbers_come_from(make: Make, keyed: Keyed) -> None:
    results = keyed(runs(make))
    found = reproductions(results)
    (sheet,) = sections(found)
    theirs = ["Nobody 2020", "difference", "outcome", "public code", "difference", "a friend", "difference"]
    assert [line[0] for line in texts(sheet)] == ["ours", *theirs]
    assert command(found[0]) == "zsl train -m experiments=eszsl_nobody2020 data=cub seed=0,1,2,3,4"
    assert f"command: {command(found[0])}" in sheet.notes
    (files,) = (note for note in sheet.notes if note.startswith("results: "))
    assert files.removeprefix("results: ").split(", ") == [path.as_posix() for path in results]


def test_the_csv_has_every_number_unrounded(make: Make, keyed: Keyed) -> None:
    lines = list(csv.DictReader(io.StringIO(table_csv(reproductions(keyed(runs(make)))))))
    assert [line["metric"] for line in lines] == ["T1", "u", "s", "H", "AUSUC"] * 3
    first = lines[0]
    assert float(first["mean"]) == pytest.approx(57.2, abs=1e-12)
    assert float(first["difference"]) == pytest.approx(1.2, abs=1e-12)
    assert (first["published"], first["n"], first["verified"]) == ("56.0", "5", "True")
    assert float(first["difference_ci95"]) == pytest.approx(float(first["ci95"]))
    assert (first["outcome"], first["verdict"]) == ("reproduced", "reproduced")
    assert lines[1]["published"] == ""


def test_an_experiment_without_a_number_still_shows_its_own(make: Make, keyed: Keyed) -> None:
    results = [make(overrides=["experiments=e"], config={"published": None})]
    (line,) = texts(summary(reproductions(keyed(results))))
    assert line[3:6] == ["no published number", "not comparable", "57.0"]


def test_results_of_no_experiment_are_refused(make: Make, keyed: Keyed) -> None:
    with pytest.raises(InputError, match="no run of an experiment"):
        reproductions(keyed([make()]))
