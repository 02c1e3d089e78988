"""W&B runs of multiruns and of resumed runs, and W&B without a server, login or package."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tracking.test_tracking import read_events
from tests.tracking.wandb_files import runs
from zsl.cli import main
from zsl.config.checking import plain
from zsl.config.compose import compose
from zsl.outputs.identity import identity
from zsl.tracking.csv import CSV
from zsl.tracking.wandb import WandB

ESZSL = ["train", "data=synthetic", "method=eszsl"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Set up W&B without a service process, and with a server that does not answer."""
    import wandb

    wandb.teardown()
    monkeypatch.setattr(WandB, "unreachable", "")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    yield monkeypatch
    wandb.teardown()


def places(folder: Path) -> list[str]:
    """Return the overrides for the paths of a run."""
    return [f"paths.output={folder / 'run'}", f"paths.cache={folder / 'cache'}"]


def test_jobs_of_a_multirun_are_runs_of_one_group(tmp_path: Path) -> None:
    assert main(["train", "-m", *ESZSL[1:], "seed=4,5", "logger=wandb_offline", *places(tmp_path)]) == 0
    found = {run.config["seed"]: run for run in runs(tmp_path / "run")}
    assert set(found) == {4, 5}
    assert len({run.run.run_id for run in found.values()}) == 2
    assert {run.run.run_group for run in found.values()} == {"run"}
    for path in (tmp_path / "run").rglob("result.json"):
        result = json.loads(path.read_text())
        run = found[result["seed"]]
        assert run.folder.is_relative_to(path.parent)
        assert run.summary.items() >= result["metrics"].items()
        assert run.config["fingerprints"] == result["fingerprints"]
        assert run.exit == [0]
        assert set(run.artifacts) >= {f"result-{run.run.run_id}"}
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_resumed_run_goes_on_as_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt a run at a step that is logged: no step is missing, and none is logged twice."""
    ale = ["train", "data=synthetic", "method=ale", "method.epochs=4", "trainer.log_every_n_steps=5"]
    ale += ["sweep.lr=[1.0]", "selection=validation", f"paths.cache={tmp_path / 'cache'}"]
    watch = ["logger=[csv,tensorboard,wandb_offline]", f"paths.output={tmp_path / 'run'}"]
    step = CSV.step

    def stop(self: CSV, number: int, losses: Any) -> None:
        step(self, number, losses)
        if number == 10:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as stopping:
        stopping.setattr(CSV, "step", stop)
        assert main([*ale, *watch]) == 130
    (kept,) = (tmp_path / "run" / "checkpoints").rglob("wandb_run")
    assert main([*ale, *watch, "resume=true"]) == 0
    assert main([*ale, "logger=csv", f"paths.output={tmp_path / 'whole'}"]) == 0
    written = [(tmp_path / name / "csv" / "metrics.csv").read_text() for name in ("run", "whole")]
    assert written[0] == written[1]
    before, after = runs(tmp_path / "run")
    assert before.run.run_id == after.run.run_id == kept.read_text()
    assert (before.exit, after.exit) == ([1], [0])
    both = [before.column("fit/step"), after.column("fit/step")]
    assert both[0] == [1, 5, 10]
    assert both[0] + both[1] == [int(line.split(",")[2]) for line in written[0].splitlines()[1:]]
    assert after.column("_step")[1] > before.column("_step")[-1]
    assert [event.step for event in read_events(tmp_path / "run" / "tensorboard").Scalars("fit/loss")] == [
        *both[0],
        *both[1],
    ]


def test_an_identity_that_is_none_is_not_taken_over(tmp_path: Path) -> None:
    """Replace an ID that could be a path: IDs become parts of the names of folders."""
    search = [*ESZSL, "sweep.gamma=[1.0]", "sweep.lamb=[1.0]", "selection=validation", *places(tmp_path)]
    assert main(search) == 0
    checkpoints = tmp_path / "run" / "checkpoints" / identity(plain(compose(search[1:])))
    checkpoints.mkdir(parents=True)
    prints = json.loads((tmp_path / "run" / "result.json").read_text())["fingerprints"]
    (checkpoints / "trials.json").write_text(json.dumps({"data": prints, "trials": []}) + "\n")
    (checkpoints / "wandb_run").write_text("../../elsewhere\n")
    assert main([*search, "logger=wandb_offline", "resume=true"]) == 0
    (run,) = runs(tmp_path / "run")
    assert re.fullmatch("[0-9a-f]{10}", run.run.run_id)


def test_a_process_of_wandb_that_dies_takes_no_result_and_no_later_run_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    step = WandB.step

    def kill(self: WandB, number: int, losses: Any) -> None:
        if number == 2 and self.description.config["seed"] == 0:
            listed = ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())]
            children = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
            for child in (line.split()[0] for line in children if "wandb-core" in line):
                os.kill(int(child), signal.SIGKILL)
        step(self, number, losses)

    monkeypatch.setattr(WandB, "step", kill)
    ale = ["data=synthetic", "method=ale", "method.epochs=1", "trainer.log_every_n_steps=1"]
    assert main(["train", "-m", *ale, "seed=0,1", "logger=wandb_offline", *places(tmp_path)]) == 0
    assert capfd.readouterr().err.count("WARNING") == 1
    results = {path.parent: json.loads(path.read_text()) for path in (tmp_path / "run").rglob("result.json")}
    ((folder, result),) = [(folder, result) for folder, result in results.items() if result["seed"] == 1]
    (run,) = runs(folder)
    assert run.exit == [0]
    assert run.summary.items() >= result["metrics"].items()


def test_a_server_that_does_not_answer_is_waited_for_once(
    server: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import wandb

    server.setenv("WANDB_API_KEY", "5ec2e7" * 7)
    init, modes = wandb.init, []

    def noted(**given: Any) -> Any:
        modes.append(given["mode"])
        return init(**given)

    server.setattr(wandb, "init", noted)
    wait = "logger.wandb.start_timeout=2"
    assert main(["train", "-m", *ESZSL[1:], "seed=0,1", "logger=wandb", wait, *places(tmp_path)]) == 0
    assert modes == ["online", "offline", "offline"]
    assert "the run is offline, send it later with wandb sync" in " ".join(capfd.readouterr().err.split())
    assert len(runs(tmp_path / "run")) == 2
    names = [path.name for path in (tmp_path / "run").rglob("*run-2*") if path.is_dir()]
    assert len(names) == 2
    assert all(name.startswith("offline-run-") for name in names)


def test_without_a_login_it_is_offline(
    server: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*ESZSL, "logger=wandb", *places(tmp_path)]) == 0
    assert "no login; run wandb login, or set WANDB_API_KEY" in " ".join(capfd.readouterr().err.split())
    assert len(runs(tmp_path / "run")) == 1


def test_a_wandb_that_is_not_installed_costs_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert main([*ESZSL, "logger=wandb", *places(tmp_path)]) == 0
    shown = capfd.readouterr().err
    assert shown.count("WARNING") == 1
    assert "logger.wandb failed and is disabled for the rest of this run" in " ".join(shown.split())
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["result.json"]


def test_its_own_environment_variables_say_where_a_run_goes_and_what_it_is_called(
    server: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Override environment variables by keys of the configuration."""
    import wandb

    variables = {"PROJECT": "birds", "ENTITY": "team", "RUN_GROUP": "sweep 3", "NAME": "the first", "TAGS": "a, b,a"}
    for name, value in (variables | {"DIR": str(tmp_path / "elsewhere" / "deep")}).items():
        server.setenv(f"WANDB_{name}", value)
    own = ["logger.wandb.tags=[mine]", "logger.wandb.entity=me"]
    assert main([*ESZSL, "logger=wandb_offline", *own, *places(tmp_path)]) == 0
    wandb.teardown()
    assert not runs(tmp_path / "run")
    (run,) = runs(tmp_path / "elsewhere" / "deep")
    of = run.run
    assert (of.project, of.entity, of.run_group, of.display_name) == ("birds", "me", "sweep 3", "the first")
    assert set(of.tags) == {"eszsl", "synthetic", "inductive", "selection fixed", "mine", "a", "b"}


@pytest.mark.parametrize("logger", ["wandb", "wandb_offline"])
def test_switched_off_it_writes_nothing(server: pytest.MonkeyPatch, tmp_path: Path, logger: str) -> None:
    server.setenv("WANDB_MODE", "disabled")
    assert (
        main([*ESZSL, f"logger={logger}", "logger.wandb.checkpoints=true", "save.model=true", *places(tmp_path)]) == 0
    )
    assert {path.name for path in (tmp_path / "run").rglob("*")} == {
        "result.json",
        "model",
        "model.json",
        "tensors.safetensors",
    }


@pytest.mark.parametrize(
    ("variable", "override", "cause", "cure"),
    [
        (
            "",
            "logger.wandb.project=team/zsl",
            "the name of a project cannot contain any of",
            "logger.wandb.entity=team logger.wandb.project=zsl",
        ),
        ("", "logger.wandb.project='a#b'", "the name of a project cannot contain", "give another name"),
        ("", f"logger.wandb.project={'x' * 129}", "has 129 characters", "give at most 128"),
        ("", "logger.wandb.entity=a/b", "logger.wandb.entity=a/b", "give the project separately"),
        ("WANDB_PROJECT=team/zsl", "seed=0", "WANDB_PROJECT=team/zsl", "write logger.wandb.entity=team"),
        ("WANDB_MODE=of", "seed=0", "WANDB_MODE=of: is unknown", "set it to online, offline or disabled"),
        ("WANDB_TAGS=a,,b", "seed=0", "WANDB_TAGS: ", "Tag at index 1 is empty"),
        ("WANDB_BASE_URL=nonsense", "seed=0", "WANDB_BASE_URL: ", "correct or unset it"),
        ("WANDB_DIR=/proc/nowhere", "seed=0", "WANDB_DIR: /proc/nowhere", "give a folder"),
        ("WANDB_DIR=~nobody_of_this_name/x", "seed=0", "there is no user nobody_of_this_name", "write the whole path"),
    ],
)
def test_what_wandb_does_not_take_is_refused_before_the_run(
    server: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    variable: str,
    override: str,
    cause: str,
    cure: str,
) -> None:
    if variable:
        server.setenv(*variable.split("="))
    assert main([*ESZSL, "logger=wandb_offline", override, *places(tmp_path)]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert cause in line
    assert cure in line
    assert not (tmp_path / "run").exists()
