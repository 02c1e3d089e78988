"""Files appear whole or not at all, and what a killed writer leaves is removed by the next one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import call
from zsl.errors import InputError
from zsl.files import atomic


def killed_while_writing(path: str) -> None:
    """Write a file, and kill the process after writing and before renaming."""
    atomic.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[attr-defined]
    atomic.write_text(Path(path), "half")


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert call(killed_while_writing, str(path)).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    atomic.write_text(tmp_path / "other.html", "another")
    atomic.write_text(path, "whole")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other.html", "report.html"]
    assert path.read_text() == "whole"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")], ids=["pipe", "device"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "out"
    make(path)
    before = path.lstat()
    with pytest.raises(InputError, match=r"out: is a pipe, a socket or a device, which is not overwritten"):
        atomic.write_text(path, "text")
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    assert path.lstat().st_ino == before.st_ino


def test_writers_of_one_file_leave_each_other_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    texts = [str(i) * 10000 for i in range(8)]

    def write(text: str) -> None:
        for _ in range(20):
            atomic.write_text(path, text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
