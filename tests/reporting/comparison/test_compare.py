"""`zsl compare` through the command line: a multirun, every format, plots, errors."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev

import pytest

from zsl.cli import main
from zsl.outputs.result import Result, write
from zsl.reporting.comparison.paired import paired

Make = Callable[..., Result]


@pytest.fixture(scope="module")
def multirun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of three closed-form methods on three synthetic data sets."""
    folder = tmp_path_factory.mktemp("compare")
    places = [f"paths.output={folder / 'runs'}", f"paths.cache={folder / 'cache'}"]
    choices = ["data=synthetic", "data.world_seed=0,1,2", "method=eszsl,ridge,sae"]
    assert main(["train", "-m", *choices, *places]) == 0
    return folder / "runs"


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    """Results of a closed-form method and two trained methods with six seeds; ALE is above SJE with five of them."""
    classes = {"wren": (3.0, 1.0), "gull": (-2.0, 0.0)}
    for seed in range(6):
        for method, T1 in {"eszsl": 55.0, "ale": 50.0 + seed, "sje": 48.0 + (seed * 7) % 6 / 2}.items():
            shift = {"ale": 0, "sje": 1}.get(method)
            u = {name: 50.0 + seed + (0 if shift is None else at[shift]) for name, at in classes.items()}
            write(make(method=method, seed=seed, T1=T1, per_class={"u": u}), tmp_path / "runs" / f"{method}{seed}")
    return tmp_path / "runs"


def compare(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    assert main(["compare", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def table(page: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(page)))


def test_numbers_of_a_real_multirun_follow_from_its_results(multirun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    H: dict[str, dict[int, float]] = defaultdict(dict)
    for file in multirun.rglob("result.json"):
        result = json.loads(file.read_text())
        H[result["method"]][result["config"]["data"]["world_seed"]] = result["metrics"]["H"]
    lines = [line for line in table(compare(capsys, multirun, "--format", "csv")) if line["unit"] != "class"]
    assert [(line["a"], line["b"]) for line in lines] == [("eszsl", "ridge"), ("eszsl", "sae"), ("ridge", "sae")]
    for line in lines:
        a, b = ([H[line[name]][i] for i in range(3)] for name in "ab")
        d = [x - y for x, y in zip(a, b, strict=True)]
        assert (line["unit"], line["pairs"], line["data"]) == ("class split", "3", "synthetic, 3 class splits")
        assert [float(line[key]) for key in ("a mean", "b mean", "difference", "d_z")] == pytest.approx(
            [fmean(a), fmean(b), fmean(d), fmean(d) / stdev(d)]
        )
        assert float(line["t p"]) == paired(a, b).t_p
        assert float(line["t p Holm"]) >= float(line["t p"])


def test_the_table_of_a_real_multirun_says_what_it_cannot_tell(
    multirun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = compare(capsys, multirun)
    assert "H, a - b: synthetic, 3 class splits. Test images (protocol final)" in page
    assert "one pair per class split, averaged over seeds" in page
    assert (
        "Wilcoxon's test cannot be significant: p of 3 pairs is at least 0.25 (2 / 2^3), after Holm's correction 0.75"
        in page
    )
    assert "warning: fewer than 5 pairs (class splits) for eszsl - ridge, eszsl - sae, ridge - sae" in page
    assert "fewer than 5 seeds per class split" not in page
    assert "share classes and images" not in page
    assert "synthetic toy world_seed=0; synthetic toy world_seed=1; synthetic toy world_seed=2 (1 is best)" in page


def test_seeds_of_one_split_are_the_pairs_there(multirun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = table(compare(capsys, multirun, "--per-split", "--format", "csv"))
    lines = [line for line in every if line["unit"] != "class"]
    assert len(lines) == len(every) - len(lines) == 9
    assert {(line["unit"], line["remark"], line["t p"]) for line in lines} == {("seed", "one pair", "")}


def test_a_closed_form_is_one_observation(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(5):
        write(make(seed=seed), tmp_path / f"e{seed}")
        write(make(seed=seed, method="sae", T1=50.0), tmp_path / f"s{seed}")
    page = compare(capsys, tmp_path, "--metric", "T1")
    assert "no p for eszsl - sae: both are the same in every pair: one number repeated is one observation" in page
    assert "p (t)" not in page
    assert "no ranking: a ranking needs 3 data sets" in page


def test_every_format_tells_the_same(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--metric", "T1", "--baseline", "sje")
    lines = table(compare(capsys, runs, *asked, "--format", "csv"))
    assert [(line["a"], line["b"], line["pairs"]) for line in lines] == [("ale", "sje", "6"), ("eszsl", "sje", "6")]
    pages = [compare(capsys, runs, *asked, "--format", form) for form in ("terminal", "markdown", "latex")]
    for line in lines:
        for page in pages:
            row = next(text for text in page.splitlines() if f"{line['a']} - {line['b']}" in text)
            for key in ("a mean", "b mean", "ci95"):
                assert f"{float(line[key]):.1f}" in row
            for key in ("t p", "t p Holm", "Wilcoxon p", "Wilcoxon p Holm"):
                p = float(line[key])
                assert f"{p:.3f}" in row or (p < 0.001 and "0.001" in row)
    assert "**+" in pages[1]
    assert r"\textbf{+" in pages[2]
    assert all("corrected for the 2 comparisons of this table" in page for page in pages)


def test_few_seeds_are_told_in_every_format(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for seed in (3, 4, 5):
        (runs / f"ale{seed}" / "result.json").unlink()
    asked = (runs, "--metric", "T1", "--row", "ale", "--baseline", "sje")
    warning = "fewer than 5 pairs (seeds) for ale - sje"
    for form in ("terminal", "markdown", "latex"):
        page = compare(capsys, *asked, "--format", form)
        assert warning in page
        assert "runs without a counterpart of the same seed and class split are left out: ale - sje" in page
    with caplog.at_level(logging.WARNING):
        assert warning not in compare(capsys, *asked, "--format", "csv")
        compare(capsys, *asked, "--output", tmp_path / "t.md")
    assert [record.getMessage() for record in caplog.records] == [warning, warning]
    assert warning in (tmp_path / "t.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("asked", [[], ["--per-class", "--row", "ale", "--row", "sje"]], ids=["tests", "classes"])
def test_disagreeing_repeats_are_told(
    make: Make, runs: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, asked: list[str]
) -> None:
    again = make(method="ale", T1=99.0, created="2026-03-01T00:00:00+00:00", per_class={"u": {"wren": 1.0}})
    write(again, runs / "again")
    assert "warning: ale, CUB PS v1, 312 attributes, seed 0: runs of" in compare(capsys, runs, *asked)
    with caplog.at_level(logging.WARNING):
        compare(capsys, runs, *asked, "--format", "csv")
    assert any("runs of one configuration and seed differ" in record.getMessage() for record in caplog.records)


def test_classes_that_gain_stand_before_those_that_lose(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (runs, "--per-class", "--row", "ale", "--baseline", "sje", "--metric", "u")
    lines = table(compare(capsys, *asked, "--format", "csv"))
    found = [(line["class"], float(line["difference"]), line["gained"], line["lost"]) for line in lines]
    assert found == [("wren", 2.0, "6", "0"), ("gull", -2.0, "0", "6")]
    page = compare(capsys, *asked)
    assert "Classes, a - b: ale - sje, CUB PS v1, 312 attributes" in page
    assert "1 of 2 classes gain, 1 lose" in page
    assert "means over 6 seeds (6: 0–5)" in page


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
@pytest.mark.parametrize(
    "asked", [[], ["--per-class", "--row", "sae", "--baseline", "eszsl"]], ids=["ranks", "classes"]
)
def test_the_ending_of_the_file_makes_it_a_plot(
    multirun: Path, tmp_path: Path, asked: list[str], ending: str, start: bytes
) -> None:
    contents = []
    for name in ("one", "other"):
        assert main(["compare", str(multirun), *asked, "--output", str(tmp_path / f"{name}.{ending}")]) == 0
        contents.append((tmp_path / f"{name}.{ending}").read_bytes())
    assert contents[0].startswith(start)
    assert contents[0] == contents[1]


def test_plots_name_what_they_show(multirun: Path, tmp_path: Path) -> None:
    assert main(["compare", str(multirun), "--output", str(tmp_path / "cd.svg")]) == 0
    ranks = (tmp_path / "cd.svg").read_text(encoding="utf-8")
    for text in ("eszsl", "ridge", "sae", "CD = 1.91", "Average rank by H over 3 class splits"):
        assert text in ranks
    asked = ["--per-class", "--row", "sae", "--baseline", "eszsl", "--output", str(tmp_path / "classes.svg")]
    assert main(["compare", str(multirun), *asked]) == 0
    bars = (tmp_path / "classes.svg").read_text(encoding="utf-8")
    for text in ("sae - eszsl", "synthetic toy world_seed=2 (final)", "(u)", "(s)"):
        assert text in bars


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--metric", "T2"], "no result has a metric 'T2'; did you mean 'T1'"),
        (["--baseline", "dem"], "'dem' matches no row; choose one of 'ale', 'eszsl', 'sje'"),
        (["--row", "ale"], "there is only one row"),
        (
            ["--per-class"],
            "--per-class: compares two rows; choose them with --row A --baseline B from 'ale', 'eszsl', 'sje'",
        ),
        (["--output", "cd.svg"], "--output cd.svg: a ranking needs 3 data sets, or 3 class splits of one; here is 1"),
        (["--per-class", "--metric", "AUSUC", "--row", "ale", "--row", "sje"], "AUSUC has no values by class"),
        (["--output", "RUNS/ale0/result.json/x.md"], "cannot be written"),
    ],
)
def test_bad_arguments_are_one_line_errors(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], cause: str
) -> None:
    assert main(["compare", str(runs), *(argument.replace("RUNS", str(runs)) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert cause in error
    assert error.count("\n") == 1


def test_nothing_in_common_is_an_error(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(make(), tmp_path / "a")
    write(make(method="ale", seed=1), tmp_path / "b")
    assert main(["compare", str(tmp_path)]) == 2
    assert "no two rows share a data set, class split, protocol and seed with H" in capsys.readouterr().err
    write(make(seed=1), tmp_path / "c")
    assert main(["compare", str(tmp_path), "--per-class"]) == 2
    assert "ale and eszsl share no data, protocol and seed with H by class" in capsys.readouterr().err


def test_help_imports_nothing_slow() -> None:
    code = (
        "import sys; from zsl.cli import main\n"
        "try: main(['compare', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'scipy', 'statsmodels', 'pandas', 'matplotlib', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=dict(os.environ))
