"""Columns, chosen hyperparameters, hints and display names, as `zsl report` shows them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reporting.test_report import run
from zsl.errors import InputError
from zsl.outputs.result import Result, Selection, write
from zsl.reporting.chosen import chosen
from zsl.reporting.table import rows

Make = Callable[..., Result]
Keyed = Callable[..., dict[Path, Result]]


def selected(make: Make, seed: int = 0, method: str = "ale", **values: object) -> Result:
    return make(method=method, seed=seed, T1=50.0 + seed, selection=Selection("validation", values))


def cells(page: str) -> list[dict[str, str]]:
    """Return the lines of a Markdown table as heading -> cell without bold marks."""
    header, _, *lines = [line[2:-2].split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [{k: v.strip("*").replace("\\", "") for k, v in zip(header, line, strict=True)} for line in lines]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([{"method.gamma": 1.0, "method.lamb": 0.1, "method.epochs": 12}] * 3, "gamma=1 lamb=0.1 epochs=12"),
        ([{"method.lr": 0.1}, {"method.lr": 1.0}, {"method.lr": 0.1}], "lr=0.1…1 (2 of 3: 0.1)"),
        ([{"method.lr": 0.1}, {"method.lr": 1.0}], "lr=0.1…1"),
        ([{"method.head": "softmax"}, {"method.head": "svm"}, {"method.head": "svm"}], "head=svm (2 of 3)"),
        ([{"method.head": {"sje": {"lr": 0.01}}}], 'head={"sje": {"lr": 0.01}}'),
        ([{"method.k": 1, "correction.k": 5}], "method.k=1 correction.k=5"),
        ([{"method.lr": 0.012345678}], "lr=0.01235"),
        ([{}], ""),
    ],
)
def test_what_was_chosen_is_one_value_a_range_or_the_most_frequent(
    make: Make, keyed: Keyed, values: list[dict[str, object]], text: str
) -> None:
    (row,) = rows(keyed([selected(make, seed, **of) for seed, of in enumerate(values)]))
    assert chosen(row) == text


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_the_range_of_what_was_chosen_holds_every_value(make: Make, keyed: Keyed, values: list[int]) -> None:
    (row,) = rows(keyed([selected(make, seed, **{"method.epochs": n}) for seed, n in enumerate(values)]))
    found = re.match(r"epochs=(\d+)(?:…(\d+))?", chosen(row))
    assert found
    assert (int(found[1]), int(found[2] or found[1])) == (min(values), max(values))


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    for seed in range(3):
        write(selected(make, seed, **{"method.lr": 0.1, "method.epochs": 10 + seed}), folder / f"ale-{seed}")
    write(make(extra={"H†": 40.0, "u†": 40.0, "s†": 40.0}), folder / "eszsl")
    return folder


def test_chosen_values_are_a_column_on_request(runs: Path) -> None:
    page = run(runs, "--format", "markdown")
    assert "- hyperparameters were chosen: --columns +chosen shows them" in page
    assert "epochs=" not in page
    page = run(runs, "--format", "markdown", "--columns", "+chosen")
    assert [line["chosen"] for line in cells(page)] == ["lr=0.1 epochs=10…12", ""]
    assert list(cells(page)[0])[-2:] == ["chosen", "fingerprint"]
    assert "--columns +chosen" not in page
    (first, _) = csv.DictReader(io.StringIO(run(runs, "--format", "csv")))
    assert first["chosen"] == "lr=0.1 epochs=10…12"


def test_nothing_chosen_gives_no_column_and_no_hint(make: Make, tmp_path: Path) -> None:
    write(make(), tmp_path / "a")
    assert "chosen:" not in run(tmp_path)


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "latex"])
def test_numbers_come_before_the_fingerprint_in_every_format(make: Make, tmp_path: Path, form: str) -> None:
    for i in range(2):
        write(make(prints={"features": str(i) * 64}), tmp_path / str(i))
    header = next(line for line in run(tmp_path, "--format", form).splitlines() if "fingerprint" in line)
    places = [re.search(rf"(?<!\w){name}(?!\w)", header) for name in ("T1", "u", "s", "H", "fingerprint")]
    found = [place.start() for place in places if place]
    assert len(found) == 5
    assert found == sorted(found)


def test_asked_columns_stand_in_the_order_asked(runs: Path) -> None:
    page = run(runs, "--format", "markdown", "--columns", "H, method ,phi,T1,chosen,correction")
    assert list(cells(page)[0]) == ["H", "method", "φ", "T1", "H†", "chosen", "correction"]
    assert [line["correction"] for line in cells(page)] == ["none", "none"]
    page = run(runs, "--format", "markdown", "--columns", "seeds,method", "--metrics", "H,u")
    assert list(cells(page)[0]) == ["seeds", "method", "H", "u", "H†", "u†"]
    first = next(csv.reader(io.StringIO(run(runs, "--format", "csv", "--columns", "T1,data,method"))))
    assert first == [*(f"T1 {part}" for part in ("mean", "std", "ci95", "n")), "data", "data_title", "method"]
    latex = run(runs, "--format", "latex", "--columns", "method,T1,H,selection")
    assert r"\begin{tabular}{lrrrl}" in latex


def test_csv_of_asked_columns_keeps_test_and_validation_numbers_apart(make: Make, tmp_path: Path) -> None:
    for protocol in ("final", "tune"):
        write(make(protocol=protocol), tmp_path / protocol)
    lines = list(csv.DictReader(io.StringIO(run(tmp_path, "--format", "csv", "--columns", "method,T1"))))
    assert sorted(line["protocol"] for line in lines) == ["final", "tune"]


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--columns", "method,hh"], "--columns hh: is neither a column nor a metric of these results; columns: "),
        (["--columns", "methd,H"], "did you mean 'method'?"),
        (["--columns", "method,T1", "--metrics", "H"], "--metrics: --columns names metrics too (T1)"),
        (["--metrics", "H_calibrated"], "zsl train selection=validation"),
        (["--columns", "data", "--pivot", "H"], "--columns data: --pivot names the metrics; choose from method"),
        (["--pivot", "H", "--metrics", "T1"], "--pivot names the metrics"),
        (["--pivot", "T9"], "no result has a metric 'T9'"),
        (["--names", "eszls=ESZSL"], "--names eszls=…: no row has this name; did you mean 'eszsl'?"),
        (["--names", "eszsl=ale"], "'ale' and 'eszsl' would both be 'ale'"),
        (["--names", "nowhere.txt"], "--names nowhere.txt: there is no such file"),
        (["--names", "eszsl="], "--names eszsl=: is not KEY=NAME"),
        (["--caption", "Results"], "add --format latex"),
        (["--label", "tab:x", "--format", "csv"], "add --format latex"),
        (["--label", "tab x", "--format", "latex"], "--label tab x: has a space"),
        (["--caption", "a {b", "--format", "latex"], "--caption: 1 { without its partner"),
        (["--caption", "a }b{", "--format", "latex"], "--caption: 1 } without its partner"),
        (["--published", "--pivot", "H"], "--published has fixed columns"),
        (["--published", "--names", "a=b"], "--published has fixed columns"),
        (["--html", "x.html", "--pivot", "H"], "--pivot names the metrics of a table"),
    ],
)
def test_mistakes_are_one_line(runs: Path, arguments: list[str], cause: str) -> None:
    with pytest.raises(InputError) as caught:
        run(runs, *arguments)
    assert cause in str(caught.value)
    assert "\n" not in str(caught.value)


def test_calibrated_numbers_that_are_absent_leave_a_hint(make: Make, runs: Path, tmp_path: Path) -> None:
    hint = "calibrated numbers need a choice on validation classes: zsl train selection=validation"
    assert hint in run(runs)
    assert hint in run(runs, "--columns", "+chosen")
    assert hint not in run(runs, "--metrics", "T1,H")
    assert hint not in run(runs, "--format", "latex")
    extra = {"u_calibrated": 40.0, "s_calibrated": 40.0, "H_calibrated": 40.0}
    write(make(extra=extra), tmp_path / "calibrated" / "a")
    assert hint not in run(tmp_path / "calibrated")
    write(make(selection=Selection("validation")), tmp_path / "one_shot" / "a")
    page = run(tmp_path / "one_shot", "--format", "markdown")
    assert hint not in page
    assert "no calibrated numbers where selection=validation held out no image of a train class" in page


def test_names_are_those_of_the_paper_in_every_format(runs: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("# a comment\n\neszsl = ESZSL\nconse=ConSE\n", encoding="utf-8")
    given = ["--names", names, "--names", "ale=ALE & co", "--names", "cub=CUB"]
    for form, ale in (("terminal", "ALE & co"), ("markdown", "ALE & co"), ("csv", "ALE & co"), ("latex", r"ALE \& co")):
        page = run(runs, "--format", form, *given)
        assert ale in page
        assert "ESZSL" in page
        assert "eszsl" not in page
        assert "CUB PS v1" not in page.replace("ale, CUB PS v1", "")  # a warning was made of the recorded names


def test_latex_has_a_caption_and_a_label_and_fits(make: Make, runs: Path) -> None:
    page = run(runs, "--format", "latex")
    assert r"\label{tab:results}" in page
    assert r"\resizebox{\ifdim\width>\linewidth" in page
    assert r"\caption{Test images (protocol final) · CUB PS v1, 312 attributes · attributes · inductive" in page
    assert "inductive" not in page.split(r"\toprule")[1].split(r"\bottomrule")[0]
    page = run(runs, "--format", "latex", "--caption", r"Ours on \textsc{cub}, $H$", "--label", "tab:cub")
    assert r"\caption{Ours on \textsc{cub}, $H$}" in page
    assert r"\label{tab:cub}" in page
    write(make(protocol="tune"), runs / "tune")
    page = run(runs, "--format", "latex", "--label", "tab:cub")
    assert re.findall(r"\\label\{(.*)\}", page) == ["tab:cub", "tab:cub-2"]
