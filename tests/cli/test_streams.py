"""Printing never makes a command fail: with any encoding, with closed streams, on a full disk."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from tests.processes import call, zsl
from zsl.cli.streams import SPELLED, robust

RUN = ["train", "data=synthetic", "method=eszsl", "selection=test"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_symbols_that_an_encoding_lacks_are_spelled_or_escaped(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding, write_through=True))
    text = "".join(SPELLED) + "ž猫\udcff"
    with robust() as (out, _):
        sys.stdout.write(text)
        assert out.error is None
    shown = raw.getvalue().decode(encoding)
    has = text.encode(encoding, "ignore").decode(encoding)
    assert all(char in shown for char in has)
    assert "\\udcff" in shown
    assert encoding == "utf-8" or ("gamma" in shown and "\\u732b" in shown)


def test_after_a_command_the_streams_are_what_they_were() -> None:
    before = sys.stdout, sys.stderr
    with robust():
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_run_and_its_table_in_an_encoding_without_the_symbols(encoding: str, tmp_path: Path) -> None:
    environment = {"PYTHONIOENCODING": encoding}
    done = zsl(*RUN, "paths.output=out", cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "T1+" in done.stdout
    done = zsl("report", "out", cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "oracle" in done.stdout


def test_a_full_disk_behind_standard_output_is_one_line_and_no_result_is_lost(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = zsl(*RUN, "-m", "seed=0,1", "paths.output=out", cwd=tmp_path, stdout=full)
    finally:
        os.close(full)
    assert done.returncode == 1
    progress, error = done.stderr.splitlines()
    assert progress.startswith("1 of 2 jobs, ")
    assert error.startswith("zsl: error: standard output: No space left on device; ")
    assert len(list(tmp_path.rglob("result.json"))) == 2


def closed(numbers: tuple[int, ...], *arguments: str) -> int:
    """Run a command with these file descriptors closed, as ``>&-`` does."""
    from zsl.cli import main

    before = sys.stdout, sys.stderr
    for number in numbers:
        os.close(number)
    if 1 in numbers:
        sys.stdout = None  # type: ignore[assignment]
    if 2 in numbers:
        sys.stderr = None  # type: ignore[assignment]
    status = main(arguments)
    sys.stdout, sys.stderr = before
    return status


@pytest.mark.parametrize("numbers", [(1,), (2,), (0, 1, 2)])
def test_closed_streams_swallow_what_is_shown(numbers: tuple[int, ...], tmp_path: Path) -> None:
    assert call(closed, numbers, *RUN, "paths.output=out", cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "out" / "result.json").read_text())["method"] == "eszsl"
    assert call(closed, numbers, *RUN, "method.gamma=-1", cwd=tmp_path).returncode == 2
