"""What a run goes on from is data: checkpoints, trials and study databases that somebody else may have left there."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.untrusted.attacks import Payload
from zsl.cli import main
from zsl.config.checking import plain
from zsl.config.compose import compose
from zsl.outputs.identity import identity

GRID = ["data=synthetic", "method=eszsl", "sweep.gamma=[1.0]", "sweep.lamb=[1.0]"]
BOOM = {"_target_": "evil.Boom"}


def checkpoints(folder: Path, overrides: list[str]) -> Path:
    """Where a run of these overrides looks for what it goes on from."""
    place = folder / "checkpoints" / identity(plain(compose(overrides)))
    place.mkdir(parents=True)
    return place


def test_a_checkpoint_is_not_unpickled(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = ["data=synthetic", "method=ale", "method.epochs=1", f"paths.output={tmp_path / 'run'}", "resume=true"]
    place = checkpoints(tmp_path / "run", run)
    torch.save({"state_dict": {}, "epoch": 0, "loops": Payload(tmp_path / "mark")}, place / "last.ckpt")
    assert main(["train", *run]) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"zsl: error: resume=true: {place / 'last.ckpt'} ")
    assert said.count("\n") == 1
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "chosen",
    [
        BOOM,
        {"gamma": 1.0, "lamb": 1.0, **BOOM},
        {"gamma": 1.0, "lamb": 1.0, "epochs": BOOM},
        {"gamma": 1.0, "lamb": "${oc.env:ZSL_TEST_TOKEN}"},
        {"gamma": 1.0, "lamb": 2.0},
    ],
)
def test_trials_are_those_of_the_grid(
    generator: Path, tmp_path: Path, chosen: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    run = [*GRID, "selection=validation", f"paths.output={tmp_path / 'run'}", "resume=true"]
    place = checkpoints(tmp_path / "run", run)
    trial = {"chosen": chosen, "T1": 99.0, "H": 99.0, "H_raw": 99.0, "gamma": 0.0, "temperature": 1.0}
    prints = json.loads((generator / "result.json").read_text())["fingerprints"]
    (place / "trials.json").write_text(json.dumps({"data": prints, "trials": [trial]}) + "\n")
    assert main(["train", *run]) == 2
    assert not (tmp_path / "mark").exists()
    said = capfd.readouterr().err
    assert said.startswith(f"zsl: error: resume=true: {place / 'trials.json'}: trial 1 belongs to another search")
    assert said.count("\n") == 1


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search that has ended."""
    folder = tmp_path_factory.mktemp("study") / "search"
    assert main(["sweep", *GRID, "search=grid", f"paths.output={folder}"]) == 0
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chosen": BOOM}, "trial 0 is not as zsl sweep writes it"),
        ({"chosen": {"epochs": BOOM}}, "trial 0 is not as zsl sweep writes it"),
        ({"chosen": {"lamb": 2.0}}, "trial 0 is not as zsl sweep writes it"),
        ({"correction": {"gamma": "${oc.env:ZSL_TEST_TOKEN}"}}, "trial 0 is not as zsl sweep writes it"),
        ({"correction": {"_target_": 1.0}}, "a trial chose _target_, which the correction does not have"),
        ({"T1": BOOM}, "trial 0: T1: "),
        ({"evil": BOOM}, "trial 0: evil: "),
    ],
)
def test_a_study_holds_numbers(
    study: Path, tmp_path: Path, change: dict[str, Any], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(study, tmp_path / "search"))
    (folder / "result.json").unlink()
    with sqlite3.connect(folder / "study.db") as database:
        table, found = "trial_user_attributes", "key = 'found'"
        ((before,),) = database.execute(f"SELECT value_json FROM {table} WHERE {found}").fetchall()
        database.execute(f"UPDATE {table} SET value_json = ? WHERE {found}", [json.dumps(json.loads(before) | change)])
    database.close()
    assert main(["sweep", *GRID, "search=grid", f"paths.output={folder}"]) == 2
    assert not (tmp_path / "mark").exists()
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith("zsl: error: ")
    assert message in said


def test_a_study_of_somebody_else_is_not_taken_over(
    study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(study, tmp_path / "search"))
    (folder / "result.json").unlink()
    with sqlite3.connect(folder / "study.db") as database:
        database.execute("UPDATE study_user_attributes SET value_json = '[1]' WHERE key = 'zsl'")
    database.close()
    assert main(["sweep", *GRID, "search=grid", f"paths.output={folder}"]) == 2
    assert "this study was not made by zsl sweep" in capfd.readouterr().err
