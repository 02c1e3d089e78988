"""What is to be copied stands on one line, however narrow the terminal is."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path

import pytest

from tests.progress.terminal import Terminal
from zsl.cli import main
from zsl.runs.console import show_log


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("terminal", [False, True])
def test_log_messages_are_not_broken(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", written)
    show_log()
    command = f"wandb sync /{'folder with spaces/' * 12}offline-run"
    logging.getLogger("zsl.test").info("W&B: %s", command)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", written.getvalue())
    assert shown == f"INFO     W&B: {command}\n"


@pytest.mark.usefixtures("narrow")
def test_commands_and_paths_are_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "a folder whose name is longer than the line of a narrow terminal" / "and one below it" / "runs"
    places = [f"paths.output={output}", f"paths.cache={tmp_path / 'cache'}", "data=synthetic"]
    assert main(["train", "-m", "method=ridge", "method.lamb=-1", *places]) == 2
    (again,) = [line for line in capfd.readouterr().err.splitlines() if "again: " in line]
    assert str(output) in again
    assert main(["jobs", str(output)]) == 0
    out = capfd.readouterr().out
    assert again.strip() in [line.strip() for line in out.splitlines()]
    monkeypatch.setattr(sys, "stdout", shown := Terminal(True))
    assert main(["train", "method=ridge", "save.model=true", *places]) == 0
    assert f"{output}/result.json" in shown.getvalue().splitlines()
