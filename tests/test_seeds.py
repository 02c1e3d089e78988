"""``seeds=…`` on the command line: each run writes what it would write by itself, whichever way they are trained."""

from __future__ import annotations

import csv
import itertools
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

import zsl.train
from zsl.cli import main
from zsl.reporting.result import read

GAN = [
    "data=synthetic",
    "method=fclswgan",
    "method.hidden=8",
    "method.critic_hidden=8",
    "method.epochs=2",
    "method.classifier_epochs=1",
    "method.features_per_class=5",
    "method.head.epochs=2",
]
BATCHED, APART = "trainer.batched_seeds=true", "trainer.batched_seeds=false"


@pytest.fixture
def train(tmp_path: Path) -> Any:
    """Run ``zsl train`` in a folder of this name."""
    return lambda name, *overrides: main(
        ["train", *overrides, f"paths.output={tmp_path / name}", f"paths.cache={tmp_path / 'cache'}"]
    )


def written(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / "result.json").read_text())
    assert isinstance(content, dict)
    return content


def metrics(folder: Path) -> dict[str, Any]:
    found = written(folder)["metrics"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("way", [BATCHED, APART])
def test_each_seed_writes_what_it_writes_by_itself(train: Any, tmp_path: Path, way: str) -> None:
    assert train("many", *GAN, "seed=1", "seeds=2", way, "save.weights=true") == 0
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["seed1", "seed2"]
    for seed in (1, 2):
        assert train(f"alone{seed}", *GAN, f"seed={seed}", "save.weights=true") == 0
        mine, alone = (written(tmp_path / name) for name in (f"many/seed{seed}", f"alone{seed}"))
        assert mine["metrics"] == pytest.approx(alone["metrics"], abs=1e-4)
        places = [f"paths.output={tmp_path}/many/seed{seed}", f"paths.cache={tmp_path / 'cache'}"]
        assert sorted(mine["overrides"]) == sorted([*GAN, way, "save.weights=true", f"seed={seed}", *places])
        assert mine["config"].pop("trainer") == alone["config"].pop("trainer") | {"batched_seeds": way == BATCHED}
        assert mine["config"].pop("paths")["output"] == str(tmp_path / f"many/seed{seed}")
        del alone["config"]["paths"]
        assert mine["config"] == alone["config"]
        weights = [(tmp_path / name / "weights.pt").stat().st_size for name in (f"many/seed{seed}", f"alone{seed}")]
        assert weights[0] == weights[1]


def test_a_report_sees_so_many_runs(train: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("runs/a", *GAN, "seeds=2", BATCHED) == 0
    assert train("runs/b", *GAN, "seed=2") == 0
    capsys.readouterr()
    assert main(["report", str(tmp_path / "runs"), "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert read(tmp_path / "runs/a/seed1/result.json").seed == 1


def test_a_measurement_on_this_machine_decides_and_says_so(
    train: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="zsl"):
        assert train("many", *GAN, "seeds=2") == 0
    (line,) = [record.getMessage() for record in caplog.records if "seeds" in record.getMessage()]
    together = line.startswith("2 seeds, together: here a step of all takes ")
    assert together or line.startswith("2 seeds, one after another: here a step of all takes ")
    numbers = [float(word) for word in line.split() if "." in word]
    assert (numbers[0] < numbers[1]) is together
    for seed in (0, 1):
        assert written(tmp_path / f"many/seed{seed}")["config"]["trainer"]["batched_seeds"] is together


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (["method=ale", "method.epochs=1"], "the steps of this method are written for one run"),
        (["method=eszsl"], "the steps of this method are written for one run"),
        ([*GAN, APART], "trainer.batched_seeds=false"),
        (
            [*GAN, "selection=validation", "selection.every=2", "sweep={}"],
            "each chooses for itself; with a selection.seed they choose once",
        ),
    ],
)
def test_what_cannot_be_trained_together_is_trained_one_after_another_and_says_so(
    train: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, overrides: list[str], why: str
) -> None:
    with caplog.at_level("INFO", logger="zsl"):
        assert train("many", "data=synthetic", *overrides, "seeds=2") == 0
    assert [r.getMessage() for r in caplog.records] == [f"2 seeds, one after another: {why}"]
    assert train("alone", "data=synthetic", *overrides, "seed=1") == 0
    assert metrics(tmp_path / "many/seed1") == metrics(tmp_path / "alone")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seeds=0"], "seeds=0: give the number of seeds from seed=0 on, from 1 to 10000"),
        (["seeds=2", "seed=4294967295"], "seeds=2: give the number of seeds from seed=4294967295 on"),
        (["seeds=many"], "seeds=many: must be a whole number or null"),
        (
            ["seeds=2", BATCHED, "method=ale"],
            "trainer.batched_seeds=true: the steps of this method are written for one",
        ),
        (["seeds=2", BATCHED, "trainer.compile=true", *GAN], "trainer.batched_seeds=true: trainer.compile=true; leave"),
        (["seeds=2", BATCHED, "selection=validation", *GAN], "trainer.batched_seeds=true: each chooses for itself"),
        (["seeds=2", "resume=true", BATCHED, *GAN], "resume=true: "),
        (["seeds=2", "resume=true", "method=ale"], "resume=true: "),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    train: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], overrides: list[str], message: str
) -> None:
    assert train("many", "data=synthetic", *overrides) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"zsl: error: {message}")
    assert error.count("\n") == 1
    assert not (tmp_path / "many").exists()


@pytest.mark.parametrize("way", [BATCHED, APART])
def test_seeds_that_diverge_end_with_their_seed_and_leave_nothing(
    train: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    assert train("many", *GAN, "method.lr=1e20", "seed=4", "seeds=2", way) == 2
    assert "2 of 2 seeds failed; seed=4: training diverged: loss" in capsys.readouterr().err
    assert not (tmp_path / "many").exists()


@pytest.mark.slow
def test_one_search_is_made_for_all_seeds(train: Any, tmp_path: Path) -> None:
    """With a ``selection.seed``: what was chosen with it is what every seed is trained with."""
    search = ["selection=validation", "selection.seed=0", "selection.every=2", "sweep={lr:[0.001,0.01]}"]
    assert train("many", *GAN, *search, "seeds=2", BATCHED) == 0
    assert train("alone", *GAN, *search, "seed=1") == 0
    mine, alone = written(tmp_path / "many/seed1"), written(tmp_path / "alone")
    assert mine["selection"] == alone["selection"]
    assert mine["metrics"] == pytest.approx(alone["metrics"], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("way", [BATCHED, APART])
def test_seeds_that_are_stopped_go_on(train: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str) -> None:
    """Stopped when there is a checkpoint: together, that of all; one after another, that of the first."""
    long = [*GAN, "method.epochs=4", "seeds=2", way, "logger=csv", "trainer.log_every_n_steps=1"]
    assert train("whole", *long) == 0

    def stop() -> None:
        while not list((tmp_path / "many").rglob("last.ckpt")):
            ended.wait(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    ended = threading.Event()
    watcher = threading.Thread(target=stop, daemon=True)
    watcher.start()
    assert train("many", *long, "trainer.checkpoint_every_n_steps=1") == 130
    watcher.join()
    where, _, command = capsys.readouterr().err.partition("; go on with: zsl train ")
    assert "zsl: stopped at " in where
    assert ("zsl: stopped at seed " in where) is (way == APART)
    assert "seeds=2" in command
    assert train("many", *long, "resume=true") == 0
    for seed in (0, 1):
        assert metrics(tmp_path / f"many/seed{seed}") == metrics(tmp_path / f"whole/seed{seed}")
        mine, whole = (tmp_path / f"{name}/seed{seed}/csv/metrics.csv" for name in ("many", "whole"))
        assert mine.read_text() == whole.read_text()
    assert train("many", *long, "resume=true") == 0


def test_a_seed_whose_result_is_of_other_data_is_trained_again(train: Any, tmp_path: Path) -> None:
    assert train("many", *GAN, "seeds=2", APART) == 0
    place = tmp_path / "many/seed1/result.json"
    before = json.loads(place.read_text())
    changed = json.loads(place.read_text())
    changed["fingerprints"]["labels"] = "0" * 64
    changed["metrics"]["T1"] = 0.0
    place.write_text(json.dumps(changed) + "\n")
    untouched = (tmp_path / "many/seed0/result.json").stat().st_mtime_ns
    assert train("many", *GAN, "seeds=2", APART, "resume=true") == 0
    assert written(tmp_path / "many/seed1")["metrics"] == before["metrics"]
    assert written(tmp_path / "many/seed1")["fingerprints"] == before["fingerprints"]
    assert (tmp_path / "many/seed0/result.json").stat().st_mtime_ns == untouched


@pytest.mark.parametrize("method", ["fvaegan_d2", "tf_vaegan"])
def test_one_critic_step_leaves_nothing_to_encode_for_it(train: Any, tmp_path: Path, method: str) -> None:
    small = ["data=synthetic", f"method={method}", *GAN[2:5], *GAN[6:], "method.n_critic=1"]
    assert train("many", *small, "seeds=2", BATCHED) == 0
    assert train("alone", *small, "seed=1") == 0
    assert metrics(tmp_path / "many/seed1") == pytest.approx(metrics(tmp_path / "alone"), abs=1e-4)


def test_a_seed_without_the_files_that_are_asked_for_is_trained_again(train: Any, tmp_path: Path) -> None:
    assert train("many", *GAN, "seeds=2", APART) == 0
    assert train("many", *GAN, "seeds=2", APART, "resume=true", "save.weights=true") == 0
    assert all((tmp_path / f"many/seed{seed}/weights.pt").is_file() for seed in (0, 1))


@pytest.mark.parametrize("way", [BATCHED, APART])
def test_a_search_for_all_seeds_is_not_made_again(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    """Stopped while the second seed is evaluated: its trials are there."""
    search = [*GAN, "selection=validation", "selection.seed=0", "selection.every=2", "sweep={lr:[0.001,0.01]}"]
    many = [*search, "seeds=3", way]
    assert train("whole", *many) == 0
    evaluate, calls = zsl.train.evaluate, itertools.count(1)

    def stop(*args: Any, **how: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return evaluate(*args, **how)

    with monkeypatch.context() as patch:
        patch.setattr(zsl.train, "evaluate", stop)
        capsys.readouterr()
        assert train("many", *many) == 130
    assert "; go on with: zsl train " in capsys.readouterr().err
    assert not (tmp_path / "many/seed1/result.json").exists()
    with monkeypatch.context() as patch:
        patch.setattr(zsl.train, "begun", counted := Counted(zsl.train.begun))
        assert train("many", *many, "resume=true") == 0
    assert not any(stage.name == "tune" for _, stage, *_ in counted.calls)
    for seed in (0, 1, 2):
        mine, theirs = (metrics(tmp_path / f"{name}/seed{seed}") for name in ("many", "whole"))
        assert mine == pytest.approx(theirs, abs=1e-4)
    assert not list((tmp_path / "many").rglob("trials.json"))


@pytest.mark.parametrize("epochs", [1, 3])
def test_losses_are_logged_as_of_each_by_itself(train: Any, tmp_path: Path, epochs: int) -> None:
    logged = [*GAN, f"method.epochs={epochs}", "logger=csv", "trainer.log_every_n_steps=2"]
    assert train("many", *logged, "seeds=2", BATCHED) == 0
    assert train("alone", *logged, "seed=1") == 0
    mine, alone = (
        list(csv.DictReader((tmp_path / name / "csv/metrics.csv").open())) for name in ("many/seed1", "alone")
    )
    assert len(mine) > 2
    assert [row.keys() for row in mine] == [row.keys() for row in alone]
    for own, other in zip(mine, alone, strict=True):
        assert [float(value) for value in own.values()] == pytest.approx([float(v) for v in other.values()], abs=1e-4)


class Counted:
    """A function that remembers what it was called with."""

    def __init__(self, action: Any) -> None:
        self.action, self.calls = action, list[tuple[Any, ...]]()

    def __call__(self, *args: Any) -> Any:
        self.calls.append(args)
        return self.action(*args)
