"""A hyperparameter whose value is typed is not searched; one whose axis is typed is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zsl.cli import main
from zsl.config.experiment import Experiment

GAMMA, LAMB = ([0.01, 0.1, 1.0, 10.0, 100.0],) * 2


@pytest.mark.parametrize(
    ("overrides", "searched"),
    [
        ([], {"gamma": GAMMA, "lamb": LAMB}),
        (["method.gamma=0.5"], {"lamb": LAMB}),
        (["method.gamma=0.5", "method.lamb=2"], {}),
        (["method.gamma=0.5", "sweep.gamma=[1,2]"], {"gamma": [1, 2], "lamb": LAMB}),
        (["sweep.lamb=[1]"], {"gamma": GAMMA, "lamb": [1]}),
    ],
)
def test_a_typed_value_is_kept(overrides: list[str], searched: dict[str, list[float]]) -> None:
    experiment = Experiment.compose(["data=synthetic", "method=eszsl", "selection=validation", *overrides])
    assert experiment.space == searched
    assert experiment.config["sweep"] == searched


@pytest.mark.parametrize(
    ("overrides", "searched"),
    [
        ([], {"steps", "seen_per_class", "head.weight_decay"}),
        (["method.head.weight_decay=0.02", "method.steps=5"], {"seen_per_class"}),
        (["method.seen_per_class=50", "method.epochs=5"], {"head.weight_decay"}),
        (
            ["method.head.weight_decay=0.02", "+sweep.head.weight_decay=[0.5]"],
            {"steps", "seen_per_class", "head.weight_decay"},
        ),
    ],
)
def test_a_typed_value_of_a_part_is_kept(overrides: list[str], searched: set[str]) -> None:
    experiment = Experiment.compose(["data=synthetic", "method=cada_vae", *overrides])
    assert set(experiment.space) == searched


def test_the_run_has_the_typed_value(tmp_path: Path) -> None:
    words = ["data=synthetic", "method=eszsl", "method.gamma=0.5", "selection=validation", f"paths.output={tmp_path}"]
    assert main(["train", *words]) == 0
    content = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert content["config"]["method"]["gamma"] == 0.5
    assert set(content["selection"]["chosen"]) == {"method.lamb"}
    assert {trial["chosen"]["lamb"] for trial in content["selection"]["trials"]} == set(LAMB)


def test_jobs_with_a_typed_value_are_kept_and_no_other_search_is_taken_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """λ = 1 is the default, too: its job is another one than the search over λ."""
    words = ["train", "-m", "data=synthetic", "method=ridge", "selection=validation", f"paths.output={tmp_path}"]
    assert main(words) == 0
    for expected in (": 1 done", ": 1 kept"):
        capsys.readouterr()
        assert main([*words, "method.lamb=1.0"]) == 0
        assert expected in capsys.readouterr().out
    assert len([*tmp_path.rglob("result.json")]) == 2
