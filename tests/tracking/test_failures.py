"""Trackers that fail in any of their methods, and errors in the configuration of trackers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.tracking.test_tracking import read_csv
from zsl.cli import main
from zsl.tracking.csv import CSV
from zsl.tracking.tensorboard import TensorBoard
from zsl.tracking.wandb import WandB

HOOKS = ("begin", "trial", "step", "record", "close")
ALE = ["train", "data=synthetic", "method=ale", "method.epochs=2", "sweep.lr=[1.0]", "selection=validation"]


class NoDiskError(OSError):
    pass


@pytest.mark.parametrize("hook", HOOKS)
def test_a_tracker_that_fails_costs_neither_the_result_nor_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], hook: str
) -> None:
    def fail(*_: object) -> None:
        raise NoDiskError(f"in\n{hook}")

    monkeypatch.setattr(TensorBoard, hook, fail)
    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}"]
    assert main([*ALE, "logger=[tensorboard,csv]", *places]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    summary = {row["metric"]: float(row["value"]) for row in read_csv(tmp_path / "run" / "csv" / "summary.csv")}
    assert summary == result["metrics"]
    assert len(read_csv(tmp_path / "run" / "csv" / "metrics.csv")) > 1
    shown = capfd.readouterr().err
    assert shown.count("WARNING") == 1
    line = f"logger.tensorboard failed and is disabled for the rest of this run: in {hook}"
    assert line in " ".join(shown.split())


@pytest.mark.parametrize("method", ["finish", "log_artifact"])
def test_a_wandb_that_fails_within_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], method: str
) -> None:
    import wandb

    def fail(*_: object, **__: object) -> None:
        raise wandb.errors.CommError("gone")

    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}"]
    with monkeypatch.context() as broken:
        broken.setattr(wandb.Run, method, fail)
        assert main([*ALE, "logger=wandb_offline", *places]) == 0
    assert (tmp_path / "run" / "result.json").is_file()
    assert capfd.readouterr().err.count("WARNING") == 1


def test_a_user_s_mistake_is_no_run(tmp_path: Path) -> None:
    wrong = ["train", "data=xlsa17", "data.name=cub", f"data.root={tmp_path / 'nothing'}", "method=eszsl"]
    assert main([*wrong, "logger=[csv,tensorboard,wandb_offline]", f"paths.output={tmp_path / 'run'}"]) == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("logger=[csv,wand]", "logger=wand: there is no such logger; did you mean wandb?"),
        ("logger=csvv", "logger=csvv: there is no such logger; did you mean csv?"),
        ("logger=[]", "logger=[]: there is no such logger; choose one of csv, none, tensorboard, wandb, wandb_offline"),
        ("logger.wandb.mode=never", "logger.wandb.mode=never is unknown; choose one of online, offline"),
        ("logger.wandb.start_timeout=0", "logger.wandb.start_timeout=0: must be a finite number greater than 0"),
        ("logger.wandb.checkpoints=true", "logger.wandb.checkpoints=true: none is saved; add save.model=true"),
        ("logger.wandb.projet=x", "logger.wandb.projet: there is no such key; did you mean logger.wandb.project?"),
    ],
)
def test_mistakes_in_a_configuration(
    override: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = [] if override.startswith("logger=") else ["logger=wandb"]
    arguments = ["train", "data=synthetic", *chosen, override, f"paths.output={tmp_path / 'run'}"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"zsl: error: {message}\n"
    assert not (tmp_path / "run").exists()


def test_a_tensorboard_that_is_not_installed_is_said_before_work_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert main(["train", "data=synthetic", "logger=tensorboard", f"paths.output={tmp_path / 'run'}"]) == 2
    error = "zsl: error: logger=tensorboard: is not installed; pip install 'zsl[tensorboard]'\n"
    assert capsys.readouterr().err == error


def test_an_experiment_chooses_loggers_and_a_multirun_lists_of_them(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    claim = "# @package _global_\ndefaults:\n  - override /logger: [csv, tensorboard]\npublished: null\n"
    (tmp_path / "experiments" / "watched.yaml").write_text(claim)
    found = [f"hydra.searchpath=[file://{tmp_path}]", "experiments=watched", "data=synthetic", "method=eszsl"]
    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["train", *found, *places]) == 0
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"csv", "tensorboard", "result.json"}
    several = ["seed=0,1", "logger=[csv,none]", f"paths.output={tmp_path / 'runs'}", places[1]]
    assert main(["train", "-m", *found, *several]) == 0
    jobs = [path.parent for path in (tmp_path / "runs").rglob("result.json")]
    assert [{path.name for path in job.iterdir()} for job in jobs] == [{"csv", "result.json"}] * 2


def test_trackers_keep_the_contract() -> None:
    for kind in (CSV, TensorBoard, WandB):
        assert all(callable(getattr(kind, hook)) for hook in HOOKS)
