"""How a generator of features is chosen on validation classes, and what a user is told of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from zsl.cli import main
from zsl.config.experiment import Experiment

SMALL = ["method=fclswgan", "method.hidden=8", "method.critic_hidden=8"]
SMALL += ["sweep.features_per_class=[5]", "method.classifier_epochs=1"]


def trained(folder: Path, *overrides: str, method: Sequence[str] = SMALL) -> dict[str, Any]:
    given = ["data=synthetic", "selection=validation", *method, *overrides]
    assert main(["train", *given, f"paths.output={folder / 'run'}", f"paths.cache={folder / 'cache'}"]) == 0
    result: dict[str, Any] = json.loads((folder / "run" / "result.json").read_text())
    return result


def test_a_generator_that_is_no_better_than_a_closed_form_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = trained(tmp_path, "method.epochs=2", "+sweep.head.weight_decay=[0.0]")
    err = capsys.readouterr().err
    own = max(trial["H"] for trial in result["selection"]["trials"])
    assert f"fclswgan: H at its best γ is {own:.1f} on validation classes, and " in err
    assert "with method=eszsl" in err
    assert "try more method.epochs, a wider method.hidden, +sweep.head.weight_decay, or another method/head" in err


def test_the_best_epoch_within_a_budget_is_chosen_and_made_again(tmp_path: Path) -> None:
    result = trained(tmp_path, "method.epochs=30", "method.budget=0.001s", "+sweep.head.weight_decay=[0.0,0.01]")
    trials = result["selection"]["trials"]
    assert [trial["chosen"]["head.weight_decay"] for trial in trials] == [0.0, 0.01]
    assert {trial["chosen"]["epochs"] for trial in trials} == {1}
    assert not any("reached" in trial for trial in trials), "one epoch alone was validated"
    assert result["selection"]["chosen"]["method.epochs"] == 1


def test_a_schedule_is_validated_at_its_end_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = [f"method.{part}=8" for part in ("encoder_hidden", "decoder_hidden", "latent", "features_per_class")]
    result = trained(tmp_path, "method.epochs=4", "sweep.seen_per_class=[5]", method=["method=cada_vae", *small])
    trials = result["selection"]["trials"]
    assert len(trials) == 3
    assert {trial["chosen"]["epochs"] for trial in trials} == {4}
    assert not any("reached" in trial for trial in trials)
    assert "still rising" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "axes"),
    [
        (["method=fclswgan"], {"features_per_class"}),
        (["method=cada_vae", "method/head=eszsl"], {"steps", "seen_per_class"}),
        (["method=cada_vae", "method/head=eszsl", "method.epochs=3"], {"seen_per_class"}),
        (["method=cada_vae", "method/head=eszsl", "method.steps=3"], {"seen_per_class"}),
        (["method=fclswgan", "+sweep.head=[softmax,eszsl]"], {"features_per_class", "head"}),
        (["method=fclswgan", "+sweep.head.lr=[0.1]"], {"features_per_class", "head.lr"}),
        (["method=cada_vae"], {"steps", "seen_per_class", "head.weight_decay"}),
    ],
)
def test_axes_of_a_head_are_those_that_it_has(overrides: list[str], axes: set[str]) -> None:
    assert set(Experiment.compose(["data=synthetic", "selection=validation", *overrides]).space) == axes


@pytest.mark.parametrize(
    ("method", "expected"),
    [("fclswgan", ("H_raw", None, None)), ("cada_vae", ("H_raw", None, None)), ("ale", ("T1", 10, 1))],
)
def test_generators_are_chosen_by_H_and_never_stopped(method: str, expected: tuple[Any, ...]) -> None:
    chosen = Experiment.compose(["data=synthetic", f"method={method}"])
    assert (chosen.selection.objective, chosen.selection.patience, chosen.selection.every) == expected
    given = Experiment.compose(["data=synthetic", f"method={method}", "selection.objective=H", "selection.every=3"])
    assert (given.selection.objective, given.selection.every) == ("H", 3)
    assert given.identity != chosen.identity
