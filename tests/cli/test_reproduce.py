"""``zsl reproduce`` through the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from zsl.cli import main


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_experiments_are_run_and_their_numbers_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["eszsl_xian2018", "ridge_shigeto2015", "data=synthetic", "--seeds", "2"]
    assert main(["reproduce", *words, "--output", "table.csv"]) == 0
    lines = table(place / "table.csv")
    assert [line["experiment"] for line in lines] == ["eszsl_xian2018"] * 5 + ["ridge_shigeto2015"] * 5
    assert {line["verdict"] for line in lines} == {"not comparable: no published number"}
    assert {line["n"] for line in lines} == {"2"}
    for file in lines[0]["results"].split():
        assert (place / file).is_file()
    assert lines[0]["command"].startswith("zsl train -m experiments=eszsl_xian2018 selection.seed=0 data=synthetic")
    capsys.readouterr()
    assert main(["report", "runs/reproduction", "--published", "--format", "csv"]) == 0
    assert capsys.readouterr().out == (place / "table.csv").read_text()


def test_runs_lie_where_paths_output_says(place: Path) -> None:
    words = ["eszsl_xian2018", "data=synthetic", "--seeds", "1", "paths.output=elsewhere"]
    assert main(["reproduce", *words, "--output", "table.csv"]) == 0
    assert len(list((place / "elsewhere" / "eszsl_xian2018").rglob("result.json"))) == 1
    assert not (place / "runs").exists()
    assert all(
        line["results"].startswith("elsewhere/") or "/elsewhere/" in line["results"]
        for line in table(place / "table.csv")
    )


def test_one_experiment_that_fails_does_not_take_the_others_along(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["eszsl_xian2018", "fclswgan_xian2018b", "data=synthetic", "--seeds", "1", "--output", "table.csv"]
    assert main(["reproduce", *words]) == 2
    assert "1 of 2 experiments failed; fclswgan_xian2018b: " in capsys.readouterr().err
    assert {line["experiment"] for line in table(place / "table.csv")} == {"eszsl_xian2018"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["eszsl_xian2081"], "eszsl_xian2081: there is no such experiment; did you mean eszsl_xian2018?"),
        (["data=synthetic"], "name an experiment; zsl list experiments shows them"),
        (["eszsl_xian2018", "seed=3"], "seed=3: zsl reproduce sets seed itself; give --seeds N for seeds 0 to N - 1"),
        (
            ["eszsl_xian2018", "seeds=3"],
            "seeds=3: zsl reproduce sets seeds itself; give --seeds N for seeds 0 to N - 1",
        ),
        (
            ["eszsl_xian2018", "experiments=ale_xian2018"],
            "experiments=ale_xian2018: zsl reproduce sets experiments itself; "
            "name the experiments without experiments=",
        ),
        (
            ["eszsl_xian2018", "paths.output=a", "--runs", "b"],
            "paths.output=a: b is given too; give one folder",
        ),
        (["eszsl_xian2018", "--seeds", "0"], "--seeds 0: give a whole number from 1 to 100000"),
        (["eszsl_xian2018", "--seeds", "9" * 11], f"--seeds {'9' * 11}: give a whole number from 1 to 100000"),
    ],
)
def test_bad_input_is_said_in_one_line(
    place: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", *words]) == 2
    assert capsys.readouterr().err == f"zsl: error: {message}\n"
    assert not list(place.iterdir())


def test_a_claim_that_cannot_be_is_refused_before_anything_runs(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "published.results.cub=[{u: 63.8, s: 92.5, H: 79.4, verified: true}]"
    assert main(["train", "experiments=eszsl_xian2018", "data=synthetic", wrong]) == 2
    assert "H = 79.4 does not follow from u = 63.8 and s = 92.5: 75.5" in capsys.readouterr().err
    assert not list(place.iterdir())


def test_published_tables_have_columns_of_their_own(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "data=synthetic", "paths.output=run"]) == 0
    assert main(["report", "run", "--published"]) == 2
    assert "no experiment has a published number for any run (eszsl on synthetic)" in capsys.readouterr().err
    assert main(["report", "run", "--published", "--metrics", "T1"]) == 2
    assert "omit --metrics, --columns, --pivot, --names, --sort, --std and --html" in capsys.readouterr().err
