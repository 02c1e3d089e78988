"""`zsl report --published`: runs that were started without an experiment beside the numbers of their method."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.test_report import run
from zsl.config.checking import plain
from zsl.config.compose import compose, compose_chosen
from zsl.config.tree import choices
from zsl.errors import InputError
from zsl.outputs.result import Result, Selection, write
from zsl.reporting.published import experiments_of

Make = Callable[..., Result]
VALIDATION = Selection("validation", {"method.gamma": 1.0, "method.lamb": 1.0})


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no folder of data, as a report needs none."""
    monkeypatch.delenv("ZSL_DATA_ROOT", raising=False)


def written(make: Make, folder: Path, *overrides: str, **changes: Any) -> None:
    """Write the result that ``zsl train`` would write for these overrides."""
    root = ["data.root=/somewhere/CUB"] * ("data=cub" in overrides)
    config = plain(compose([*overrides, f"paths.output={folder}", *root]))
    known: dict[str, Any] = {"data": "cub", "data_title": "CUB PS v1", "deterministic": True, "T1": 54.0, "u": 12.5}
    write(make(**{**known, "s": 63.0, **changes, "config": config, "overrides": list(overrides)}), folder)


def lines(folder: Path) -> list[dict[str, str]]:
    found = csv.DictReader(io.StringIO(run(folder, "--published", "--format", "csv")))
    return [line for line in found if line["metric"] == "T1"]


def test_a_plain_run_is_compared_with_its_method_and_data(make: Make, tmp_path: Path) -> None:
    written(make, tmp_path / "a", "data=cub", "method=eszsl", "selection=validation", selection=VALIDATION)
    survey, code = lines(tmp_path)
    assert (survey["experiment"], survey["published"], survey["verdict"]) == ("eszsl_xian2018", "53.9", "reproduced")
    assert code["verdict"].startswith("not comparable: other features (res101")
    page = run(tmp_path, "--published")
    assert "reproduced" in page
    assert "command: zsl train -m data=cub method=eszsl selection=validation seed=0" in page


@pytest.mark.parametrize(
    ("overrides", "changes", "reason"),
    [
        (["method.coding='-1,1'"], {"selection": VALIDATION}, "(method.coding=-1,1, not 0,1)"),
        (["selection=fixed"], {"selection": Selection()}, "selection.policy=fixed, not validation"),
        (["trainer.precision=16-mixed"], {"selection": VALIDATION}, "(trainer.precision=16-mixed, not 32-true)"),
        (["sweep.gamma=[1.0]"], {"selection": VALIDATION}, "(sweep.gamma=[1.0], not "),
        (["data.scale=l2"], {"selection": VALIDATION}, "data.scale=l2, not none"),
    ],
)
def test_a_run_that_differs_from_the_experiment_says_in_what(
    make: Make, tmp_path: Path, overrides: list[str], changes: dict[str, Any], reason: str
) -> None:
    written(make, tmp_path / "a", "data=cub", "method=eszsl", "selection=validation", *overrides, **changes)
    verdict = lines(tmp_path)[0]["verdict"]
    assert verdict.startswith("not comparable: other configuration than the experiment (")
    assert reason in verdict


def test_what_does_not_change_a_number_is_no_difference(make: Make, tmp_path: Path) -> None:
    free = ["seed=3", "selection.seed=0", "logger=csv", "save.predictions=true", "trainer.progress_bar=false"]
    written(make, tmp_path / "a", "data=cub", "method=eszsl", "selection=validation", *free, selection=VALIDATION)
    assert lines(tmp_path)[0]["verdict"] == "reproduced"


def test_a_variant_is_not_the_experiment_of_another_head(make: Make, tmp_path: Path) -> None:
    known = {"method": "fclswgan", "setting": "unseen semantics"}
    paper = {"hidden": 4096, "critic_hidden": 4096, "epochs": 60, "lr": 0.0001, "features_per_class": 300}
    paper |= {"output": "relu", "phi_scale": 1.0, "units": "data", "fill_seen": False}
    keys = [f"method.{key}={value}" for key, value in paper.items()]
    written(make, tmp_path / "a", "data=cub", "data.scale=minmax", "method=fclswgan", *keys, **known)
    verdicts = {line["experiment"]: line["verdict"] for line in lines(tmp_path)}
    assert "method.head" in verdicts["fclswgan_ale_xian2018b"]
    assert len(verdicts) > 3


def test_runs_of_experiments_are_compared_as_before(make: Make, tmp_path: Path) -> None:
    written(make, tmp_path / "a", "experiments=eszsl_xian2018", "data=cub", selection=VALIDATION)
    assert [line["experiment"] for line in lines(tmp_path)] == ["eszsl_xian2018"] * 2


def test_runs_without_a_published_number_are_refused(make: Make, tmp_path: Path) -> None:
    written(make, tmp_path / "a", "data=synthetic", "method=eszsl", data="synthetic", data_title="synthetic toy")
    with pytest.raises(InputError, match=r"no experiment has a published number for any run \(eszsl on synthetic\)"):
        run(tmp_path, "--published")


@pytest.mark.parametrize("name", choices()["experiments"][::6])
def test_every_experiment_is_found_by_the_method_that_it_composes(name: str) -> None:
    _, chosen = compose_chosen([f"experiments={name}"], "config")
    assert [method for method in choices()["method"] if name in experiments_of(method)] == [chosen["method"]]
