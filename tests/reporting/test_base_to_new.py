"""The split label spaces beside their union, and the two averages of H."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.stats import hmean

from tests.reporting.test_columns import cells
from tests.reporting.test_report import run
from zsl.cli import main
from zsl.errors import InputError
from zsl.outputs.result import Result, Selection, read, write

Make = Callable[..., Result]
BASE = {"A": (80.0, 60.0), "B": (90.0, 30.0)}
"""data set -> base and new accuracy of the first of two seeds; the second has 2 points more of each"""


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    for title, (s, u) in BASE.items():
        for seed in range(2):
            base, new = s + 2 * seed, u + 2 * seed
            split = {"s_split": base, "u_split": new, "H_split": hmean([base, new])}
            result = make(seed=seed, s=s - 10, u=u - 20, data_title=title, data=title.lower(), extra=split)
            write(result, tmp_path / f"{title}{seed}")
    return tmp_path


def test_the_share_given_away_and_both_averages(runs: Path) -> None:
    page = run(runs, "--base-to-new", "--format", "markdown")
    rows, averages = page.split("## Averages")
    a, b = cells(rows)
    for row, (s, u) in ((a, BASE["A"]), (b, BASE["B"])):
        split = [hmean([s + d, u + d]) for d in (0, 2)]
        assert float(row["H split"].split()[0]) == pytest.approx(sum(split) / 2, abs=0.051)
        lost = [1 - hmean([s - 10, u - 20]) / H for H in split]
        assert float(row["given away"].split()[0]) == pytest.approx(sum(lost) / 2, abs=0.0051)
    (line,) = cells(averages)
    assert line["data sets"] == "2"
    assert float(line["H of means (split)"]) == pytest.approx(hmean([86, 46]), abs=0.051)
    means = [sum(hmean([s + d, u + d]) for d in (0, 2)) / 2 for s, u in BASE.values()]
    assert float(line["mean of H (split)"]) == pytest.approx(sum(means) / 2, abs=0.051)
    assert float(line["given away (union)"]) == pytest.approx(1 - hmean([75, 25]) / hmean([86, 46]), abs=0.0051)


def test_the_hint_on_calibration_is_that_of_the_selection(make: Make, runs: Path, tmp_path: Path) -> None:
    """With one shot a choice on validation classes leaves no calibration: that cannot be the cure."""
    assert "zsl train selection=validation" in run(runs, "--base-to-new")
    split = {"s_split": 80.0, "u_split": 60.0, "H_split": hmean([80, 60])}
    write(make(s=70, u=40, extra=split, selection=Selection("validation")), tmp_path / "validated" / "a")
    page = run(tmp_path / "validated", "--base-to-new", "--format", "markdown")
    assert "zsl train selection=validation" not in page
    assert "held out no image of a train class" in page


def test_csv_has_every_digit(runs: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run(runs, "--base-to-new", "--format", "csv"))))
    lost = [1 - hmean([70, 40]) / hmean([80 + d, 60 + d]) for d in (0, 2)]
    assert float(rows[0]["given_away mean"]) == pytest.approx(sum(lost) / 2, abs=1e-12)


def test_runs_without_seen_images_or_of_before_are_refused(make: Make, tmp_path: Path) -> None:
    write(make(), tmp_path)
    with pytest.raises(InputError, match="no run has s_split and u_split"):
        run(tmp_path, "--base-to-new")
    with pytest.raises(InputError, match="have fixed columns"):
        run(tmp_path, "--base-to-new", "--metrics", "T1")


def test_a_run_has_them_and_the_bias_of_validation_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["train", "data=synthetic", "method=eszsl", "selection=validation", *places]) == 0
    (path,) = tmp_path.glob("run/**/result.json")
    metrics = read(path).metrics
    assert metrics["u_split"] == pytest.approx(metrics["T1"])
    for suffix in ("", "_calibrated"):
        assert metrics["s_split"] >= metrics[f"s{suffix}"]
        assert metrics["u_split"] >= metrics[f"u{suffix}"]
    capsys.readouterr()
    assert main(["report", str(tmp_path / "run"), "--base-to-new"]) == 0
    out = capsys.readouterr().out
    assert "given away calibrated" in out
    assert "mean of H (union, γ)" in out
