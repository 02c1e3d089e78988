"""What a run says of its method beside the setting stands below every table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.test_published import written
from tests.reporting.test_report import run
from zsl.cli import main
from zsl.outputs.result import Result, write

Make = Callable[..., Result]
NOTE = "supervised: by labelled images"
LINE = f"linear_probe: {NOTE}"


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    """Two runs of a method with a note, and two of one without."""
    split = {"s_split": 80.0, "u_split": 60.0, "H_split": 2 * 80 * 60 / 140}
    for method, notes in (("linear_probe", [NOTE]), ("eszsl", [])):
        for seed in range(2):
            config = {"method": {"lamb": 1.0}, "data": {"shots": 4, "shots_seed": 0}}
            more: dict[str, Any] = {"extra": split, "per_class": {"u": {"crow": 60.0, "gull": 70.0}}, "config": config}
            write(make(seed=seed, u=60.0 + seed, method=method, notes=notes, **more), tmp_path / f"{method}-{seed}")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "tables"), [((), 1), (("--pivot", "H"), 1), (("--base-to-new",), 2), (("--shots",), 2)]
)
def test_every_table_of_a_report_has_it_below(runs: Path, options: tuple[str, ...], tables: int) -> None:
    for form in ("terminal", "markdown"):
        page = run(runs, *options, "--format", form)
        assert page.count(LINE) == page.count(NOTE) == tables


def test_a_method_is_named_as_in_the_table(runs: Path) -> None:
    assert f"Probe: {NOTE}" in run(runs, "--names", "linear_probe=Probe")


@pytest.mark.parametrize("options", [(), ("--per-class",)])
def test_a_comparison_has_it(runs: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(runs), "--metric", "u", *options, "--format", "markdown"]) == 0
    assert capsys.readouterr().out.count(LINE) == 1


def test_numbers_beside_published_ones_have_it(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZSL_DATA_ROOT", raising=False)
    written(make, tmp_path, "data=cub", "method=eszsl", notes=[NOTE])
    page = run(tmp_path, "--published", "--format", "markdown")
    assert page.count(f"eszsl: {NOTE}") == 1 + page.count("command: zsl train") > 1
