"""`zsl report --oracle`: what choosing on the test set adds, over common seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import zsl
from tests.reporting.test_report import run
from zsl.cli import main
from zsl.errors import InputError
from zsl.outputs.result import Result, Selection, write
from zsl.outputs.statistics import summarize

Make = Callable[..., Result]
HONEST, BEST = (50.0, 52.0, 51.0), (53.0, 54.0, 57.0)


@pytest.fixture
def runs(make: Make, oracle: Make, tmp_path: Path) -> Path:
    for method, more in (("eszsl", 0.0), ("ale", 3.0)):
        for seed, (honest, best) in enumerate(zip(HONEST, BEST, strict=True)):
            of = {"method": method, "seed": seed, "config": {"selection": {"objective": "T1"}}}
            write(make(T1=honest, selection=Selection("validation"), **of), tmp_path / "runs" / f"{method}{seed}")
            write(oracle(T1=best + more, **of), tmp_path / "runs" / f"{method}{seed}-oracle")
    write(make(method="ale", seed=9, T1=90.0, selection=Selection("validation")), tmp_path / "runs" / "alone")
    return tmp_path / "runs"


def test_the_gap_is_taken_seed_by_seed(runs: Path) -> None:
    page = run(runs, "--oracle", "--format", "markdown")
    lines = [line for line in page.splitlines() if line.startswith("| ")][2:]
    gain = summarize([best - honest for honest, best in zip(HONEST, BEST, strict=True)])
    for line, method, more in zip(lines, ("ale", "eszsl"), (3.0, 0.0), strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == method
        assert cells[-1] == f"{gain.mean + more:+.1f} ± {gain.ci:.1f}"
        assert cells[-2].startswith(f"{summarize(BEST).mean + more:.1f} ± ")
        assert cells[-3].startswith(f"{summarize(HONEST).mean:.1f} ± ")
    assert "· 3 seeds ·" in page
    assert "no valid result" in page


def test_a_figure_has_a_line_for_every_method(runs: Path, tmp_path: Path) -> None:
    for form in ("svg", "png"):
        assert run(runs, "--oracle", "--output", tmp_path / f"gap.{form}") == ""
    text = (tmp_path / "gap.svg").read_text()
    for word in ("eszsl", "ale", "+3.7", "+6.7", "T1 (%)", "chosen on validation classes"):
        assert word in text
    assert (tmp_path / "gap.png").read_bytes().startswith(b"\x89PNG")


def test_results_in_python_have_the_gap_and_its_figure(runs: Path, tmp_path: Path) -> None:
    found = zsl.results(runs)
    assert "+6.7 ± 5.2" in str(found.oracle_gap(tmp_path / "gap.svg"))
    assert (tmp_path / "gap.svg").read_text().count("+6.7") == 1
    with pytest.raises(InputError, match=r"gap\.gif: suffix"):
        found.oracle_gap("gap.gif")


def test_runs_of_one_policy_have_no_gap(make: Make, tmp_path: Path) -> None:
    write(make(selection=Selection("validation")), tmp_path)
    with pytest.raises(InputError, match=r"^--oracle: no search was made with selection=validation and again with"):
        run(tmp_path, "--oracle")
    with pytest.raises(InputError, match="give one of them"):
        run(tmp_path, "--oracle", "--shots")


def test_real_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["data=synthetic", "method=eszsl", f"paths.cache={tmp_path / 'cache'}"]
    for policy in ("validation", "test"):
        assert main(["train", *given, f"selection={policy}", f"paths.output={tmp_path / 'runs' / policy}"]) == 0
    capsys.readouterr()
    assert main(["report", str(tmp_path / "runs"), "--oracle", "--output", str(tmp_path / "gap.csv")]) == 0
    assert main(["report", str(tmp_path / "runs"), "--oracle"]) == 0
    assert "Oracle gap" in capsys.readouterr().out
