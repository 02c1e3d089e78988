"""New folders appear whole or not at all, and what a killed process leaves is removed by the next one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.processes import call
from zsl.errors import InputError
from zsl.files.folder import new_folder


def killed_while_filling(path: str) -> None:
    """Write into a new folder, and kill the process before the folder is complete."""
    with new_folder(Path(path), "out") as fresh:
        (fresh / "features.npy").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "out"
    assert call(killed_while_filling, str(path)).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    with new_folder(path, "out") as fresh:
        (fresh / "features.npy").write_bytes(b"whole")
    assert [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*")] == ["out", "out/features.npy"]
    assert (path / "features.npy").read_bytes() == b"whole"


def test_two_that_make_one_folder_leave_each_other_alone(tmp_path: Path) -> None:
    path = tmp_path / "out"

    def one_within_the_other() -> None:
        with new_folder(path, "out") as one:
            (one / "a").touch()
            with new_folder(path, "out") as other:
                (other / "b").touch()
            assert (one / "a").is_file()

    with pytest.raises(InputError, match="Directory not empty"):
        one_within_the_other()
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["b", "out"]


def test_the_umask_says_who_may_read_a_new_folder(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with new_folder(tmp_path / "out", "out"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
