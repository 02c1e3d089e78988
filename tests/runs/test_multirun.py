"""Multiruns through the real command line: jobs are kept, resumed and run alone, and fail without affecting others."""

from __future__ import annotations

import gc
import json
import random
import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest
from omegaconf import Node
from torch import Tensor

from tests import processes
from zsl.cli import main
from zsl.outputs.identity import identity
from zsl.outputs.result import read
from zsl.runs import run as train
from zsl.runs.job import Job

RESULT, RECORD = "result.json", "job.json"
KILLS = 5


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the command of a multirun of a closed form on the synthetic data set, in a folder of its own."""
    monkeypatch.setenv("ZSL_CACHE", str(tmp_path / "cache"))
    return ["train", "-m", "data=synthetic", "method=ridge", f"paths.output={tmp_path / 'sweep'}"]


def folders(root: Path, file: str = RESULT) -> dict[str, bytes]:
    """Return folder name -> result of every run below a folder."""
    return {path.parent.name: path.read_bytes() for path in sorted((root / "sweep").rglob(file))}


def unfinished(root: Path) -> list[dict[str, Any]]:
    return [json.loads(content) for content in folders(root, RECORD).values()]


def test_a_sweep_that_grows_runs_what_is_new(
    tmp_path: Path, sweep: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*sweep, "seed=0"]) == 0
    first = folders(tmp_path)
    assert [name[:-8] for name in first] == ["ridge-synthetic-seed0-"]
    assert main([*sweep, "method=eszsl,ridge", "seed=0,1"]) == 0
    assert "4 jobs: 3 done, 1 kept" in capfd.readouterr().out
    second = folders(tmp_path)
    assert len(second) == 4
    assert second.items() > first.items()
    assert main([*sweep, "method=eszsl,ridge", "seed=0,1"]) == 0
    assert folders(tmp_path) == second
    assert "4 jobs: 4 kept" in capfd.readouterr().out


def test_it_is_run_again_when_asked(tmp_path: Path, sweep: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["rerun=true"]):
        assert main([*sweep, *more]) == 0
        assert "1 job: 1 done" in capfd.readouterr().out
    assert len(folders(tmp_path)) == 1


def test_files_that_are_asked_for_are_made(tmp_path: Path, sweep: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(sweep) == 0
    assert main([*sweep, "save.model=true", "save.predictions=true"]) == 0
    saved = {path.name for path in (tmp_path / "sweep").rglob("*.*")}
    assert saved >= {"model.json", "tensors.safetensors", "predictions.npz"}
    capfd.readouterr()
    assert main([*sweep, "save.model=true"]) == 0
    assert "1 job: 1 kept" in capfd.readouterr().out


@pytest.mark.parametrize("damage", ["cut off", "another configuration", "another schema", "other data"])
def test_a_result_that_does_not_verify_is_no_result(
    tmp_path: Path, sweep: list[str], damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(sweep) == 0
    (path,) = (tmp_path / "sweep").rglob(RESULT)
    before = json.loads(path.read_text())
    record = json.loads(path.read_text())
    if damage == "another configuration":
        record["config"]["method"]["lamb"] = 3.0
    elif damage == "another schema":
        record["schema"] = 0
    else:
        record["fingerprints"]["labels"] = "0" * 64
    path.write_text("{" if damage == "cut off" else json.dumps(record))
    capfd.readouterr()
    assert main(sweep) == 0
    assert "1 job: 1 done" in capfd.readouterr().out
    after = json.loads(path.read_text())
    for key in ("config", "fingerprints", "metrics", "schema"):
        assert after[key] == before[key]


def test_jobs_that_fail_are_listed_and_run_alone(
    tmp_path: Path, sweep: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    phi = tmp_path / "phi.npy"
    embeddings = [f"class_embedding.path={phi}", "class_embedding=matrix"]
    assert main([*sweep, *embeddings, "seed=0,1"]) == 2
    assert main([*sweep, "seed=0,1"]) == 0
    assert len(folders(tmp_path)) == 2
    records = unfinished(tmp_path)
    assert [record["overrides"][-1] for record in records] == ["seed=0", "seed=1"]
    assert all(str(phi) in record["error"] and record["traceback"] is None for record in records)
    capfd.readouterr()
    assert main(["jobs", str(tmp_path / "sweep")]) == 0
    listed = capfd.readouterr().out
    assert listed.startswith("2 done, 2 failed: ")
    assert all(name in listed for name in folders(tmp_path, RECORD))
    assert not any(name in listed for name in folders(tmp_path))
    commands = [shlex.split(line.partition("again: ")[2]) for line in listed.splitlines() if "again: " in line]

    import numpy as np

    np.save(phi, np.random.default_rng(0).standard_normal((20, 5)))
    assert main(commands[0][1:]) == 0
    assert len(folders(tmp_path)) == 3
    assert len(unfinished(tmp_path)) == 1
    assert main([*sweep, *embeddings, "seed=0,1"]) == 0
    assert len(folders(tmp_path)) == 4
    assert not unfinished(tmp_path)


def test_what_nobody_foresaw_in_one_job_is_told_and_loses_no_other(
    tmp_path: Path, sweep: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    record = train.record
    monkeypatch.setattr(train, "record", lambda cfg, *rest: 1 // cfg.seed and record(cfg, *rest))
    assert main([*sweep, "seed=0,1"]) == 1
    assert [name[:-8] for name in folders(tmp_path)] == ["ridge-synthetic-seed1-"]
    (failed,) = unfinished(tmp_path)
    assert failed["error"].startswith("ZeroDivisionError: ")
    assert failed["traceback"].startswith("Traceback (most recent call last)")
    assert failed["traceback"] in capfd.readouterr().err
    monkeypatch.undo()


def test_a_file_that_was_being_written_is_removed(tmp_path: Path, sweep: list[str]) -> None:
    assert main(sweep) == 0
    (path,) = (tmp_path / "sweep").rglob(RESULT)
    (path.parent / f".{RESULT}.{'0' * 32}").write_text("{")
    notes = path.parent / ".notes"
    notes.write_text("mine")
    path.unlink()
    assert main(sweep) == 0
    assert sorted(file.name for file in path.parent.iterdir()) == [".notes", RESULT]


def test_two_processes_do_not_run_one_job(tmp_path: Path, sweep: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(sweep) == 0
    (path,) = (tmp_path / "sweep").rglob(RESULT)
    path.unlink()
    with Job(path.parent, "", ()).claimed() as mine:
        assert mine
        capfd.readouterr()
        assert main([*sweep, "seed=0,1"]) == 0
        assert "2 jobs: 1 running in another process, 1 done" in capfd.readouterr().out
        assert not path.exists()
    assert main([*sweep, "seed=0,1"]) == 0
    assert path.exists()


def test_data_that_change_are_read_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    from tests.datasets.matfiles import content, write

    places = [f"paths.output={tmp_path / 'sweep'}", f"paths.cache={tmp_path / 'cache'}"]
    toy = ["train", "-m", "data=xlsa17", "data.name=toy", f"data.root={tmp_path / 'toy'}", *places, "method=ridge"]
    features, splits = content()
    write(tmp_path / "toy", features, splits, "5")
    assert main(toy) == 0
    (path,) = (tmp_path / "sweep").rglob(RESULT)
    before = read(path)
    features["features"] = np.asarray(features["features"]) + 1
    write(tmp_path / "toy", features, splits, "5")
    capfd.readouterr()
    assert main(toy) == 0
    assert "1 job: 1 done" in capfd.readouterr().out
    assert read(path).fingerprints["features"] != before.fingerprints["features"]


def test_jobs_leave_nothing_in_memory(sweep: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As many configurations and tensors are alive in the twentieth job as in the fifth."""
    record, alive = train.record, {}

    def counting(cfg: Any, *rest: Any) -> Any:
        if cfg.seed in (4, 19):
            gc.collect()
            alive[cfg.seed] = sum(issubclass(type(thing), Node | Tensor) for thing in gc.get_objects())
        return record(cfg, *rest)

    monkeypatch.setattr(train, "record", counting)
    assert main([*sweep, "seed=range(20)"]) == 0
    assert alive[19] <= alive[4]


def test_identity_leaves_out_where_things_lie_and_no_more(tmp_path: Path, sweep: list[str]) -> None:
    assert main(sweep) == 0
    (path,) = (tmp_path / "sweep").rglob(RESULT)
    config = json.loads(path.read_text())["config"]
    assert path.parent.name.endswith(identity(config))
    for key in ("paths", "resume", "rerun", "save", "published"):
        assert identity(config | {key: "something else"}) == identity(config)
    assert identity(config | {"trainer": config["trainer"] | {"accelerator": "gpu"}}) == identity(config)
    assert identity(config | {"trainer": config["trainer"] | {"precision": "bf16-mixed"}}) != identity(config)
    for key in ("seed", "data", "class_embedding", "method", "correction", "protocol", "selection", "sweep"):
        assert identity(config | {key: "something else"}) != identity(config)
    assert identity(config | {"data": config["data"] | {"cache": "x"}}) == identity(config | {"data": config["data"]})


def table(folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    capfd.readouterr()
    assert main(["report", str(folder), "--format", "csv"]) == 0
    return capfd.readouterr().out


@pytest.mark.slow
def test_a_sweep_that_is_killed_at_random_moments_ends_with_the_same_table(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Jobs with and without gradient training, with and without a search, are killed in any job."""
    jobs = ["train", "-m", "data=synthetic", "method=ale,eszsl", "seed=range(3)", "selection=fixed,validation"]
    jobs += ["trainer.checkpoint_every_n_steps=20", f"paths.cache={tmp_path / 'cache'}"]
    assert main([*jobs, f"paths.output={tmp_path / 'whole'}"]) == 0
    assert len(list((tmp_path / "whole").rglob(RESULT))) == 12
    killed = [*jobs, f"paths.output={tmp_path / 'killed'}"]
    moments, kills = random.Random(5), 0
    for _ in range(KILLS):
        before = written(tmp_path / "killed")
        process = processes.start(*killed)
        while written(tmp_path / "killed") == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(moments.random())
        if process.poll() is None:
            process.kill_group()
            kills += 1
        process.communicate(timeout=120)
    assert kills > KILLS // 2
    assert main(killed) == 0
    assert table(tmp_path / "killed", capfd) == table(tmp_path / "whole", capfd)
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ("whole", "killed")]
    assert names[0] == names[1]
    left = {path.name for path in (tmp_path / "killed").rglob("*") if path.is_file()}
    assert left <= {RESULT, "last.ckpt"}


def written(folder: Path) -> set[tuple[str, float]]:
    """Return every file below a folder with its modification time."""
    found = set()
    for path in folder.rglob("*"):
        try:
            found.add((str(path), path.stat().st_mtime))
        except FileNotFoundError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_other_processes_give_the_same_outcomes(
    tmp_path: Path, launcher: str, sweep: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    own = [*sweep, "method.lamb=1,-1"]
    assert main([*own, f"hydra/launcher={launcher}"]) == 2
    out, err = capfd.readouterr()
    assert "2 jobs: 1 done, 1 failed" in out
    assert re.search(r"^1 of 2 jobs, \S+/\w+, \S+ left$", err, re.MULTILINE) or launcher == "submitit_local"
    assert err.splitlines()[-1].startswith("zsl: error: 1 of 2 jobs failed; the first: method.lamb=-1: must be")
    results = folders(tmp_path)
    assert len(results) == 1
    assert len(unfinished(tmp_path)) == 1
    logs = tmp_path / "sweep" / ".submitit"
    assert list(logs.rglob("*.out")) if launcher == "submitit_local" else not logs.exists()
    pickled = [path.parent.name for path in logs.rglob("*.pkl")]
    assert all(re.fullmatch(r"\d+-[0-9a-f]{16}", name) for name in pickled), "nobody can tell the folder beforehand"
    assert main(own) == 2
    assert "2 jobs: 1 kept, 1 failed" in capfd.readouterr().out
    assert folders(tmp_path) == results


def test_a_key_that_all_listed_choices_have_can_be_given(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whether there is such a key is asked of every choice, not of the default one."""
    places = [f"paths.output={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}", "data=synthetic"]
    assert main(["train", "-m", "method=bilinear_softmax,devise", "method.epochs=2", *places]) == 0
    configs = [json.loads(path.read_text())["config"]["method"] for path in (tmp_path / "runs").rglob(RESULT)]
    assert [config["epochs"] for config in configs] == [2, 2]
    capfd.readouterr()
    assert main(["train", "-m", "method=eszsl,devise", "method.epochs=2", *places]) == 2
    assert "method.epochs: there is no such key" in capfd.readouterr().err
    assert len(list((tmp_path / "runs").rglob(RESULT))) == 2
