"""`zsl report` on result files."""

from __future__ import annotations

import argparse
import io
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from zsl.errors import InputError
from zsl.outputs.result import Result, write
from zsl.reporting.report import add_arguments, main

Make = Callable[..., Result]


def run(*arguments: str | Path, terminal: bool = False, width: int = 200) -> str:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)
    assert main(parser.parse_args([str(argument) for argument in arguments]), console) == 0
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    for seed in range(5):
        write(make(seed=seed, T1=55.0 + seed), folder / f"eszsl-{seed}")
    write(make(method="ale", T1=52.25), folder / "ale")
    return folder


def test_a_folder_of_runs_becomes_a_table(runs: Path) -> None:
    page = run(runs)
    assert "57.0 ± 2.0" in page
    assert "52.2" in page
    assert "5: 0–4" in page
    assert "mean ± half width of the 95 % confidence interval" in page


def test_files_folders_and_repeats_count_once(runs: Path) -> None:
    assert run(runs, runs / "ale", runs / "ale" / "result.json") == run(runs)


def test_a_pipe_is_not_folded_but_a_terminal_is(runs: Path) -> None:
    assert max(map(len, run(runs, width=60).splitlines())) > 100
    assert max(map(len, run(runs, terminal=True, width=60).splitlines())) <= 60


def test_std_metrics_and_sort(runs: Path) -> None:
    page = run(runs, "--std", "--metrics", "T1, AUSUC", "--sort", "T1", "--format", "markdown")
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    assert lines[0].endswith("| T1 | AUSUC | fingerprint |")
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| eszsl", "| ale"]
    assert "57.0 ± 2.0 (1.6)" in page


@pytest.mark.parametrize(
    ("name", "start"),
    [("t.md", "## Test"), ("t.csv", "method,data,"), ("t.tex", "% needs \\usepackage"), ("t.txt", "Test images")],
)
def test_the_ending_of_the_file_chooses_the_format(runs: Path, tmp_path: Path, name: str, start: str) -> None:
    file = tmp_path / "tables" / name
    assert run(runs, "--output", file) == ""
    assert file.read_text(encoding="utf-8").startswith(start)
    assert list(file.parent.iterdir()) == [file]


def test_a_given_format_beats_the_ending(runs: Path, tmp_path: Path) -> None:
    run(runs, "--output", tmp_path / "t.csv", "--format", "markdown")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == run(runs, "--format", "markdown")


def test_disagreeing_repeats_are_told_in_every_format(
    make: Make, runs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(make(seed=3, T1=99.0, created="2026-03-01T00:00:00+00:00"), runs / "again")
    for form in ("terminal", "markdown", "latex"):
        assert "runs of one configuration and seed differ" in run(runs, "--format", form)
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        run(runs, "--format", "csv")
        run(runs, "--output", tmp_path / "t.md")
    messages = [record.getMessage() for record in caplog.records]
    disagreements = [message for message in messages if "runs of one configuration and seed differ" in message]
    assert len(disagreements) == 2
    assert all("seed 3" in message and "again" in message for message in disagreements)


def test_few_seeds_behind_the_best_number_are_told_in_every_format(
    runs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warning = "the best numbers of ale (1) come from fewer than 5 seeds"
    for form in ("terminal", "markdown", "latex"):
        assert warning in run(runs, "--format", form)
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        assert warning not in run(runs, "--format", "csv")
        run(runs, "--output", tmp_path / "t.tex")
    assert [record.getMessage() for record in caplog.records] == [warning, warning]


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--sort", "T2"], "no result has a metric 'T2'; did you mean 'T1'"),
        (["--metrics", "hh"], "no result has a metric 'hh'"),
        (["--metrics", "hh", "--format", "csv"], "no result has a metric 'hh'"),
        (["--output", "RUNS/ale/result.json/x.md"], "cannot be written"),
    ],
)
def test_bad_arguments_are_one_line_errors(runs: Path, arguments: list[str], cause: str) -> None:
    with pytest.raises(InputError) as caught:
        run(runs, *(argument.replace("RUNS", str(runs)) for argument in arguments))
    assert cause in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unreadable_result_stops_the_report(runs: Path) -> None:
    (runs / "ale" / "result.json").write_text("{")
    with pytest.raises(InputError, match=r"ale/result\.json: not JSON"):
        run(runs)


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = (
        "import sys, zsl.reporting.report\n"
        "print(sorted({'torch', 'scipy', 'numpy', 'rich', 'hydra', 'jaxtyping'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_results_and_reports_need_no_torch(runs: Path) -> None:
    code = (
        "import argparse, sys; from zsl.reporting import report; from zsl.outputs import provenance\n"
        "parser = argparse.ArgumentParser(); report.add_arguments(parser)\n"
        "report.main(parser.parse_args(sys.argv[1:])); provenance.versions(); assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(runs)], check=True, capture_output=True, text=True)
    assert "57.0 ± 2.0" in done.stdout
