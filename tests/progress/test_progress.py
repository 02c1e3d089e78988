"""What a log file and a terminal show of long work, on a clock that the tests turn."""

from __future__ import annotations

import io
import itertools
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.progress.terminal import Terminal
from zsl.cli import main
from zsl.progress import progress
from zsl.progress.progress import EVERY, FIRST, Progress, pace
from zsl.runs.tally import Series, not_ended, tally

LINE = re.compile(
    r"(?:(?:\[\d/\d\] )?[\w ]+: )?(\d+) of (\d+) \w+, \d+\.\d/(?:s|min|h)"
    r"(?:, (?:\d+ days?, )?\d+:\d\d:\d\d left)?(, [^\n]+)?"
)


class Clock:
    """A clock that goes on by ``step`` seconds whenever it is read."""

    def __init__(self, step: float) -> None:
        self.step, self.now = step, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(4.0)
    monkeypatch.setattr(progress, "clock", made)
    return made


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    return [f"paths.output={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}", "data=synthetic"]


def lines(text: str, title: str) -> list[re.Match[str]]:
    """Return the lines about a piece of work, all of the form of :data:`LINE`."""
    found = [line for line in text.splitlines() if title in line]
    matches = [LINE.fullmatch(line) for line in found]
    assert all(matches), found
    return [match for match in matches if match]


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(1e-3, 1e6))
def test_the_remaining_time_is_that_of_the_rate_so_far(done: int, left: int, seconds: float) -> None:
    text = pace(done, done + left, seconds)
    (shown,) = re.findall(r", (?:(\d+) days?, )?(\d+):(\d\d):(\d\d) left$", text)
    days, hours, minutes, rest = (int(part or 0) for part in shown)
    told = timedelta(days=days, hours=hours, minutes=minutes, seconds=rest).total_seconds()
    assert -1e-6 * seconds * left <= told - seconds * left / done <= 1 + 1e-6 * seconds * left
    rate, unit = re.match(r"([\d.]+)/(s|min|h)", text).groups()  # type: ignore[union-attr]
    assert float(rate) == pytest.approx(done / seconds * {"s": 1, "min": 60, "h": 3600}[unit], abs=0.051)
    assert not pace(0, left, seconds)


@given(st.lists(st.floats(0.01, 40), min_size=1, max_size=200))
def test_lines_come_after_the_first_interval_and_then_at_the_second(steps: list[float]) -> None:
    times = [0.0, *itertools.accumulate(steps)]
    written = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", written)
        readings = iter(times)
        patch.setattr(progress, "clock", lambda: next(readings))
        with Progress("work", len(steps), "units") as shown:
            for _ in steps:
                shown.advance()
    at = [times[int(match[1])] for match in lines(written.getvalue(), "work")]
    due, expected = FIRST, []
    for time in times[1:]:
        if time - (expected[-1] if expected else 0.0) >= due:
            expected.append(time)
            due = EVERY
    assert at == expected


def test_training_in_a_log_file_tells_steps_rate_and_remaining_time(
    clock: Clock, places: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "method=ale", "method.epochs=4", *places]) == 0
    err = capfd.readouterr().err
    assert not re.search(r"[^\n\x20-\uffff]", err), "a control character"
    found = lines(err, "training")
    assert len(found) > 2
    assert {match[2] for match in found} == {"40"}
    assert all("epoch " in match[3] and "loss " in match[3] for match in found)
    assert main(["train", "method=ale", "method.epochs=4", *places, "trainer.progress_bar=false"]) == 0
    assert not lines(capfd.readouterr().err, "training")
    clock.step = 0.01
    assert main(["train", "method=ale", "method.epochs=4", *places]) == 0
    assert not lines(capfd.readouterr().err, "training"), "work of less than ten seconds needs no line"


@pytest.mark.usefixtures("clock")
def test_a_generator_tells_the_losses_of_all_its_optimizers(
    places: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    small = ["method.epochs=1", "method.hidden=8", "method.critic_hidden=8", "method.head.epochs=1"]
    assert main(["train", "method=fclswgan", *small, *places]) == 0
    found = lines(capfd.readouterr().err, "training")
    assert found
    assert all(", loss " in match[3] and ", generator_loss " in match[3] for match in found)


@pytest.mark.usefixtures("clock")
def test_a_multirun_tells_how_many_jobs_have_ended_and_how_long_the_others_take(
    tmp_path: Path, places: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "-m", "method=ridge,eszsl", "seed=0,1", *places]) == 0
    found = lines(capfd.readouterr().err, " jobs")
    assert [match.group(1, 2) for match in found] == [("1", "4"), ("2", "4"), ("3", "4")]
    assert main(["train", "-m", "method=ridge,eszsl", "seed=0,1,2", *places]) == 0
    found = lines(capfd.readouterr().err, " jobs")
    assert [match.group(1, 2) for match in found] == [("3", "6")], "jobs that are kept take no time and no line"
    assert not [path for path in (tmp_path / "runs").iterdir() if path.name.startswith(".")]


@pytest.mark.usefixtures("clock")
def test_reproduce_counts_the_jobs_of_all_its_experiments(places: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    names = ["eszsl_xian2018", "sae_xian2018"]
    assert main(["reproduce", *names, "--seeds", "2", *places, "selection=fixed"]) == 0
    err = capfd.readouterr().err
    assert [match.group(1, 2) for match in lines(err, " jobs,")] == [("1", "4"), ("2", "4"), ("3", "4")]
    assert all(f"{name} ({i} of 2 experiments)" in err for i, name in enumerate(names, 1))


@pytest.mark.usefixtures("clock")
def test_a_search_tells_every_trial(places: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    grid = ["sweep.gamma=[0.1,1]", "sweep.lamb=[1,10]"]
    assert main(["sweep", "method=eszsl", "search=grid", *grid, *places]) == 0
    found = lines(capfd.readouterr().err, "searching")
    assert [match.group(1, 2) for match in found] == [("3", "4"), ("4", "4")], "the first line comes after ten seconds"
    assert all("(best: " in match[3] for match in found)
    assert main(["train", "method=eszsl", "selection=validation", *grid, *places]) == 0
    assert [match[1] for match in lines(capfd.readouterr().err, "choosing")] == ["3", "4"]


def test_a_terminal_shows_one_bar_and_leaves_nothing_of_it(
    clock: Clock, places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    clock.step = 0.06
    small = ["method.epochs=3", "sweep.lr=[0.1,1]"]
    assert main(["train", "method=ale", "selection=validation", *small, *places]) == 0
    shown = terminal.getvalue()
    assert "choosing on tune" in shown
    assert "training" in shown, "after the search the chosen point is trained"
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert re.search(r"30/30 \d+\.\d/s", drawn)
    assert not re.search(r"choosing[^\n]*training", drawn)
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h"), "the cursor is back"


@given(st.integers(0, 20), st.integers(1, 20), st.lists(st.booleans(), max_size=20))
def test_jobs_that_have_not_ended_are_counted(
    tmp_path_factory: pytest.TempPathFactory, run: int, jobs: int, ended: list[bool]
) -> None:
    folder = tmp_path_factory.mktemp("tally")
    series = Series(left=2, run=run)
    with tally(folder / "inner", jobs, series) as counted:
        for kept in ended[:jobs]:
            counted.add(kept)
        assert not_ended(folder) == jobs - len(ended[:jobs])
        assert counted.total == run + 2 * jobs
    assert not_ended(folder) == 0
    assert (series.left, series.run, series.kept) == (1, run + ended[:jobs].count(False), ended[:jobs].count(True))
    assert not list(folder.iterdir())


def test_jobs_of_a_sweep_under_way_are_waiting(
    tmp_path: Path, places: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "-m", "method=ridge", *places]) == 0
    with tally(tmp_path / "runs", 5, Series()) as counted:
        counted.add(kept=True)
        capfd.readouterr()
        assert main(["jobs", str(tmp_path / "runs")]) == 0
        assert capfd.readouterr().out.startswith("1 done, 4 waiting: ")
    assert main(["jobs", str(tmp_path / "runs")]) == 0
    assert capfd.readouterr().out.startswith("1 done: ")


def test_what_a_killed_launch_left_is_not_counted_and_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".jobs-killed").write_bytes(b"5\nrr")
    assert not_ended(tmp_path) == 0
    with tally(tmp_path, 2, Series()):
        assert not_ended(tmp_path) == 2
        with tally(tmp_path, 3, Series()):  # another launch into the same folder, at the same time
            assert not_ended(tmp_path) == 5
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())
