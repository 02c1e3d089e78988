"""Options of a class embedding are chosen on validation classes, as hyperparameters of a method are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zsl.cli import main

GRID = "+sweep.class_embedding.kind=[original_att,binary,att]"
FIXED = ["data=synthetic", "class_embedding=attributes", "method=eszsl"]


def run(output: Path, *overrides: str, command: str = "train") -> dict[str, Any]:
    assert main([command, *FIXED, f"paths.output={output}", f"paths.cache={output.parent / 'cache'}", *overrides]) == 0
    found: dict[str, Any] = json.loads((output / "result.json").read_text())
    return found


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    place = tmp_path_factory.mktemp("runs") / "searched"
    return place, run(place, "selection=validation", GRID, "sweep.gamma=[1]", "sweep.lamb=[1,10]", "save.model=true")


def test_the_best_of_the_trials_is_trained(tmp_path: Path, searched: tuple[Path, dict[str, Any]]) -> None:
    """Each trial is what a search with that embedding alone finds; the final run is that of the best."""
    _, result = searched
    trials = result["selection"]["trials"]
    assert [trial["chosen"]["class_embedding.kind"] for trial in trials] == [
        kind for kind in ("original_att", "binary", "att") for _ in range(2)
    ]
    for i, kind in enumerate(("original_att", "binary", "att")):
        words = [f"class_embedding.kind={kind}", "selection=validation", "sweep.gamma=[1]", "sweep.lamb=[1,10]"]
        alone = run(tmp_path / kind, *words)["selection"]["trials"]
        for one, other in zip(trials[2 * i : 2 * i + 2], alone, strict=True):
            assert {k: v for k, v in one.items() if k != "chosen"} == {k: v for k, v in other.items() if k != "chosen"}
    best = max(trials, key=lambda trial: float(trial["T1"]))["chosen"]
    chosen = result["selection"]["chosen"]
    assert chosen["class_embedding.kind"] == best["class_embedding.kind"]
    words = [f"class_embedding.kind={best['class_embedding.kind']}", f"method.lamb={best['lamb']}", "method.gamma=1"]
    fixed = run(tmp_path / "fixed", *words)
    assert fixed["metrics"]["T1"] == result["metrics"]["T1"]
    assert fixed["fingerprints"] == result["fingerprints"]


def test_the_saved_model_has_the_chosen_embedding(searched: tuple[Path, dict[str, Any]]) -> None:
    from zsl.prediction.saved import load

    place, result = searched
    model = load(place)
    node = model.described.node
    assert node is not None
    assert node["kind"] == result["selection"]["chosen"]["class_embedding.kind"]
    assert model.described.embedding is not None
    phi = model.described.embedding(model.described.descriptions)(model.described.descriptions)
    np.testing.assert_array_equal(phi, model.described.phi)


def test_zsl_sweep_finds_the_same(tmp_path: Path, searched: tuple[Path, dict[str, Any]]) -> None:
    pytest.importorskip("optuna")
    words = ["search=grid", GRID, "sweep.gamma=[1]", "sweep.lamb=[1,10]"]
    found = run(tmp_path / "sweep", *words, command="sweep")
    assert found["selection"]["chosen"] == searched[1]["selection"]["chosen"]
    assert found["metrics"] == searched[1]["metrics"]
    tpe = run(tmp_path / "tpe", "search.trials=4", GRID, "sweep.gamma=[1]", "sweep.lamb=[1]", command="sweep")
    assert {trial["chosen"]["class_embedding.kind"] for trial in tpe["selection"]["trials"]} <= {
        "att", "binary", "original_att",
    }  # fmt: skip


def test_the_report_has_the_oracle_gap(
    tmp_path: Path, searched: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    test = run(tmp_path / "test", "selection=test", GRID, "sweep.gamma=[1]", "sweep.lamb=[1,10]", "save.model=true")
    capsys.readouterr()
    assert main(["report", str(searched[0]), str(tmp_path / "test")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    best, honest = test["metrics"]["T1†"], searched[1]["metrics"]["T1"]
    assert f"oracle gap of eszsl and class_embedding.kind, synthetic toy: T1 {best:.1f}† - {honest:.1f}" in out


def test_a_multirun_skips_what_has_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-m", *FIXED, "selection=validation", GRID, "sweep.gamma=[1]", "sweep.lamb=[1]", "seed=0,1"]
    places = [f"paths.output={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["train", *words, *places]) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("result.json")}
    assert len(before) == 2
    assert main(["train", *words, *places]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    ("axis", "reason"),
    [
        ("+sweep.class_embedding.kinds=[att]", "sweep.class_embedding.kinds: the class embedding has no such"),
        ("+sweep.class_embedding.kind=[3]", "class_embedding.kind=3: must be text"),
        ("+sweep.class_embedding.kind=[nothing]", "class_embedding.kind=nothing: the data set has no such attributes"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], axis: str, reason: str
) -> None:
    words = [*FIXED, "selection=validation", axis, f"paths.output={tmp_path}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["train", *words]) == 2
    assert reason in capsys.readouterr().err
