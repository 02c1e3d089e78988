"""A forked child is what ``python -m zsl`` would have been: status, streams, surroundings, signals."""

from __future__ import annotations

import multiprocessing.forkserver
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import processes

MISTAKE = ["train", "data=synthetic", "method=eszsl", "method.gamma=0"]
LINE = "zsl: error: method.gamma=0: must be a finite number greater than 0\n"


def test_status_and_streams_of_the_command_line(tmp_path: Path) -> None:
    done = processes.zsl(*MISTAKE, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", LINE)
    done = processes.zsl("list", "data", env={"COLUMNS": "200"})
    assert done.returncode == 0
    assert "synthetic" in done.stdout
    assert done.stderr == ""


def look() -> None:
    print(Path.cwd(), os.environ.get("ADDED"), os.environ.get("REMOVED"), sys.stdin.read() == "")
    print(os.getpid() == os.getpgid(0), file=sys.stderr)


def test_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMOVED", "no")
    done = processes.call(look, cwd=tmp_path, env={"ADDED": "yes", "REMOVED": None})
    assert done.stdout == f"{tmp_path} yes None True\n"
    assert done.stderr == "True\n"
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert processes.call(look).stdout == f"{tmp_path / 'other'} None no True\n"


def fail() -> None:
    raise ValueError("on purpose")


def interrupted() -> None:
    signal.raise_signal(signal.SIGINT)


def terminated() -> None:
    signal.raise_signal(signal.SIGTERM)


def unwritten() -> None:
    print("lost")


def test_the_ways_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    done = processes.call(fail)
    assert done.returncode == 1
    assert done.stderr.endswith("\nValueError: on purpose\n")
    assert processes.call(interrupted).returncode == -signal.SIGINT
    assert processes.call(terminated).returncode == -signal.SIGTERM
    assert processes.call(sys.exit, "a word").stderr == "a word\n"
    with Path("/dev/full").open("w") as full:
        child = processes.Running(unwritten, [], None, None, full.fileno())
    assert child.wait() == 120


def parent() -> None:
    grandchild = subprocess.Popen(["sleep", "1000"])
    print(grandchild.pid, flush=True)
    grandchild.wait()


def test_a_child_is_killed_with_all_that_it_started() -> None:
    child = processes.start_call(parent)
    while not child.stdout.endswith("\n"):
        assert child.poll() is None
        time.sleep(0.01)
    grandchild = int(child.stdout)
    child.kill_group()
    assert child.wait() == -signal.SIGKILL
    while Path(f"/proc/{grandchild}").exists() and state(grandchild) != "Z":  # whoever adopts it may leave it unread
        time.sleep(0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        processes.call(parent, timeout=0.1)


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_the_server_has_one_thread_and_has_imported_what_it_was_told() -> None:
    assert processes.call(look).returncode == 0
    server = multiprocessing.forkserver._forkserver._forkserver_pid
    assert len(list(Path(f"/proc/{server}/task").iterdir())) == 1
    assert processes.call(imported).stdout == "[]\n"


def imported() -> None:
    print([name for name in processes.PRELOADED if name not in sys.modules])


@pytest.mark.slow
def test_a_true_process_does_the_same(tmp_path: Path) -> None:
    true = subprocess.run([sys.executable, "-m", "zsl", *MISTAKE], cwd=tmp_path, capture_output=True, text=True)
    assert (true.returncode, true.stdout, true.stderr) == (2, "", LINE)
