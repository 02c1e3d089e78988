"""`zsl hubness` through the command line: recomputed numbers, plots, errors."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, pstdev

import numpy as np
import pytest

from zsl.cli import main
from zsl.outputs.result import Result, write
from zsl.reporting.occurrences import BINS, histogram

Make = Callable[..., Result]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of ESZSL on synthetic data with hubs, without and with a correction."""
    folder = tmp_path_factory.mktemp("hubness")
    places = [f"paths.output={folder / 'runs'}", f"paths.cache={folder / 'cache'}"]
    choices = ["data=synthetic", "data.hubness=2", "correction=none,csls", "save.predictions=true", "save.scores=true"]
    assert main(["train", "-m", *choices, *places]) == 0
    return folder / "runs"


def table(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, dict[str, str]]:
    """Return the CSV as correction -> column -> cell."""
    capsys.readouterr()
    assert main(["hubness", *map(str, arguments), "--format", "csv"]) == 0
    rows = csv.DictReader(io.StringIO(capsys.readouterr().out))
    return {row["correction"]: row for row in rows}


@pytest.mark.parametrize(("among", "k"), [("unseen", 1), ("all", 1), ("all", 5)])
def test_numbers_follow_from_the_saved_scores(
    runs: Path, capsys: pytest.CaptureFixture[str], among: str, k: int
) -> None:
    found = table(capsys, runs, "--among", among, "--k", str(k))
    for file in runs.rglob("predictions.npz"):
        result = json.loads((file.parent / "result.json").read_text())
        saved = np.load(file)
        labels, classes, seen = saved["labels"], saved["classes"], saved["seen"]
        if among == "unseen":
            columns, rows = np.flatnonzero(~seen), ~seen[labels]
            answers = saved["predicted_zsl"][:, None]
        else:
            columns, rows = np.arange(len(classes)), np.full(len(labels), True)
            answers = np.argsort(-saved["scores"], axis=1)[:, :k]
            assert (answers == saved["top"][:, :k]).all()
        N = {c: sum(int(c in row) for row in answers) for c in columns}
        bad = {c: sum(int(c in row and c != y) for row, y in zip(answers, labels[rows], strict=True)) for c in columns}
        counts, mean = list(N.values()), fmean(N.values())
        hubs = [c for c in columns if N[c] > 2 * mean]
        expected = {
            f"N{k}_skewness": fmean((n - mean) ** 3 for n in counts) / pstdev(counts) ** 3,
            "Robin_Hood": sum(max(n - mean, 0) for n in counts) / sum(counts),
            "hubs": len(hubs) / len(columns),
            "bad_hubs": sum(2 * bad[c] > N[c] for c in hubs) / len(columns),
            "antihubs": sum(n == 0 for n in counts) / len(columns),
            "bad_occurrences": sum(bad.values()) / sum(counts),
        }
        row = found[result["correction"]]
        assert {name: float(row[f"{name} mean"]) for name in expected} == pytest.approx(expected)
        for metric in ("T1",) if among == "unseen" else ("u", "s", "H"):
            assert float(row[f"{metric} mean"]) == result["metrics"][metric]


def test_skewness_is_that_of_the_report(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = table(capsys, runs)
    for file in runs.rglob("result.json"):
        result = json.loads(file.read_text())
        assert float(found[result["correction"]]["N1_skewness mean"]) == result["metrics"]["N1_skewness"]


def test_the_histogram_counts_every_class_once(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unseen = json.loads(next(runs.rglob("result.json")).read_text())["hubness"]["ZSL"]["classes"]
    for row in table(capsys, runs, "--histogram").values():
        assert sum(float(row[f"{name} mean"]) for name in BINS) == len(unseen) > 1


def test_bins_by_hand() -> None:
    """Count values around a mean of 10; an edge belongs to the bin below it."""
    occurrence = [0, 0, 1, 5, 6, 10, 11, 20, 21, 40, *[0] * 5, 81, 5, 0, 0, 0]
    assert sum(occurrence) / len(occurrence) == 10
    assert histogram(occurrence) == dict(zip(BINS, [10, 3, 2, 2, 2, 0, 1], strict=True))
    assert histogram([0, 0]) == dict.fromkeys(BINS, 0.0) | {"N = 0": 2}


def test_seeds_are_averaged_with_an_interval(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, (wren, gull) in enumerate([(3, 1), (4, 0), (2, 2)]):
        counts = {"classes": ["wren", "gull"], "N1": [wren, gull], "bad_N1": [0, 0]}
        write(make(seed=seed, hubness={"ZSL": counts, "GZSL": counts}), tmp_path / str(seed))
    row = table(capsys, tmp_path)["none"]
    assert float(row["Robin_Hood mean"]) == pytest.approx(fmean([0.25, 0.5, 0.0]))
    assert float(row["Robin_Hood ci95"]) == pytest.approx(4.302652729749 * 0.25 / math.sqrt(3))


def test_what_was_chosen_on_the_test_set_is_marked(
    make: Make, oracle: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(oracle(), tmp_path / "oracle")
    write(make(), tmp_path / "plain")
    assert main(["hubness", str(tmp_path), "--format", "markdown"]) == 0
    header = capsys.readouterr().out.splitlines()[2].split(" | ")
    assert "N1 skewness†" in header
    assert header.index("T1") < header.index("N1 skewness") < header.index("T1†")


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_ending_of_the_file_makes_it_a_plot(runs: Path, tmp_path: Path, ending: str, start: bytes) -> None:
    contents = []
    for name in ("one", "other"):
        assert main(["hubness", str(runs), "--output", str(tmp_path / f"{name}.{ending}")]) == 0
        contents.append((tmp_path / f"{name}.{ending}").read_bytes())
    assert contents[0].startswith(start)
    assert contents[0] == contents[1]


def test_the_plot_names_every_row_and_colours_its_hubs(make: Make, oracle: Make, tmp_path: Path) -> None:
    title = "50 % of $x$ & <b>"
    for i, result in enumerate([make(), make(correction="csls", setting="transductive"), oracle(data_title=title)]):
        write(result, tmp_path / "runs" / str(i))
    output = tmp_path / "plot.svg"
    assert main(["hubness", str(tmp_path / "runs"), "--among", "all", "--output", str(output)]) == 0
    drawing = output.read_text(encoding="utf-8")
    for text in (
        "eszsl + csls",
        "transductive",
        "50 % of $x$ &amp; &lt;b&gt;",
        "N1 skewness†",
        "N_1 of a class, the number of",
    ):
        assert text in drawing
    assert "#d62728" in drawing


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--k", "3"], "has no 3-occurrences of classes; choose --k from 1"),
        (["--among", "seen"], "--among: invalid choice: 'seen'"),
        (["--output", "RUNS/result.json/x.svg"], "cannot be written"),
    ],
)
def test_bad_arguments_are_one_line_errors(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], cause: str
) -> None:
    write(make(), tmp_path)
    assert main(["hubness", str(tmp_path), *(argument.replace("RUNS", str(tmp_path)) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert cause in error
    assert error.count("\n") == 1


def test_results_without_counts_are_named(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(make(hubness={}), tmp_path)
    assert main(["hubness", str(tmp_path)]) == 2
    assert "result.json: has no 1-occurrences of classes; run it again" in capsys.readouterr().err
