"""``zsl shift`` on runs and on tables of accuracies, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zsl.cli import main
from zsl.evaluation.shift import BASELINES, clopper_pearson


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One run on images of two makers, and a table of accuracies."""
    (tmp_path / "runs" / "one").mkdir(parents=True)
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    np.savez(
        tmp_path / "runs" / "one" / "predictions.npz",
        rows=np.arange(8),
        labels=labels,
        seen=np.array([True, True, False, False]),
        classes=np.array(["ant", "bee", "cow", "dog"]),
        predicted=np.array([0, 1, 1, 1, 2, 0, 1, 3]),
        predicted_zsl=np.array([2, 2, 2, 3]),
        scores=np.tile([9.0, 0, 1, 2], (8, 1)),
        images=np.array([f"{'pq'[i % 2]}/{i}.png" for i in range(8)]),
    )
    (tmp_path / "table.csv").write_text(
        "model,imagenet,imagenet-v2,imagenet-r,imagenet-r-classes,own\n"
        "rn50,76.1,63.2,36.2,92.0,40\nrn101,77.4,65.0,39.3,92.5,44\nclip,63.3,55.9,69.0,85.0,60\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[tuple[str, str], dict[str, Any]]:
    assert main(["shift", *words, "--format", "json"]) == 0
    return {(row["model"], row["test set"]): row for row in json.loads(capsys.readouterr().out)}


def test_the_folders_of_images_are_test_sets(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {test: row for (_, test), row in asked(capsys, "runs", "--reference", "p").items()}
    assert {test: row["accuracy"] for test, row in found.items()} == {"p": 50, "q": 100}
    assert found["q"]["drop"] == -50
    assert [found["p"][name] for name in ("low", "high")] == pytest.approx(clopper_pearson(1, 2))
    every = {test: row for (_, test), row in asked(capsys, "runs", "--reference", "p", "--among", "all").items()}
    assert {test: row["accuracy"] for test, row in every.items()} == {"p": 75, "q": 50}
    words = ("runs", "--reference", "p", "--labels")
    some = {test: row for (_, test), row in asked(capsys, *words, "dog,ant,cow").items()}  # dog before cow, of unseen
    assert {test: (row["accuracy"], row["images"]) for test, row in some.items()} == {"p": (50, 2), "q": (50, 2)}
    some = {test: row for (_, test), row in asked(capsys, *words, "dog,ant,cow", "--among", "all").items()}
    assert {row["images"] for row in some.values()} == {3}
    assert [row["accuracy"] for row in some.values()] == pytest.approx([100 / 3, 100 / 3])  # the answer is ant
    assert {row["accuracy"] for row in asked(capsys, *words, "cow", "--among", "all").values()} == {100}


def test_published_lines_and_own_ones(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "table.csv", "--reference", "imagenet")
    assert found["clip", "imagenet-v2"]["effective"] == pytest.approx(55.9 - BASELINES["imagenet-v2"](63.3))
    assert found["clip", "imagenet-r"]["effective"] == pytest.approx(69 - BASELINES["imagenet-r"](85))
    assert found["clip", "imagenet-r"]["drop"] == 16
    assert "effective" not in found["clip", "own"]
    assert found["clip", "own"]["relative"] == 20
    own = asked(capsys, "table.csv", "--reference", "imagenet", "--standard", "rn50,rn101")
    assert own["rn50", "own"]["effective"] == pytest.approx(0, abs=1e-9)
    assert own["clip", "own"]["effective"] > 20


def test_vendors_of_emoji_are_test_sets(drawings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = [
        f"paths.cache={drawings}",
        "data=emoji",
        "method=eszsl",
        "save.predictions=true",
        "class_embedding=sentence",
    ]
    assert main(["train", *keys, f"paths.output={tmp_path}/run"]) == 0
    capsys.readouterr()
    found = asked(capsys, str(tmp_path / "run"), "--reference", "noto")
    assert {test for _, test in found} == {"noto", "twemoji", "emojione", "fluent-emoji-flat"}
    assert {row["images"] for row in found.values()} == {74}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("predicted", np.array([0])),
        ("predicted_zsl", np.array([2])),
        ("labels", np.array([0, 0, 1, 1, 2, 2, 3, -1])),
        ("labels", np.array([0, 0, 1, 1, 2, 2, 3, 4])),
        ("rows", np.zeros(8, dtype=int)),
        ("scores", np.tile([9.0, 0, 1], (8, 1))),
        ("scores", np.full((8, 4), np.nan)),
        ("images", np.array(["p/0.png"])),
    ],
)
def test_a_damaged_file_of_predictions_is_one_line(
    place: Path, name: str, value: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place / "runs" / "one" / "predictions.npz"
    with np.load(file) as whole:
        np.savez(file, **{**whole, name: value})
    assert main(["shift", "runs", "--reference", "p", "--labels", "dog,cow"]) == 2
    err = capsys.readouterr().err
    assert "predictions.npz: cannot be read (" in err
    assert err.count("\n") == 1


def test_labels_need_scores(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = place / "runs" / "one" / "predictions.npz"
    with np.load(file) as whole:
        np.savez(file, **{name: whole[name] for name in whole.files if name != "scores"})
    assert main(["shift", "runs", "--reference", "p", "--labels", "dog,cow"]) == 2
    assert "predictions.npz: holds no scores; run it again with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs", "--reference", "x"], "reference=x"),
        (["nothing", "--reference", "x"], "RUN: no predictions.npz"),
        (["runs", "--reference", "p", "--labels", "okapi"], "--labels: 'okapi'"),
        (["runs", "--reference", "p", "--labels", "ant"], "no image of these classes"),
        (["table.csv", "--reference", "imagenet", "--standard", "x"], "--standard: 'x'"),
        (["table.csv", "--reference", "imagenet", "--standard", "rn50"], "baseline: fitted on fewer than two"),
        (["table.csv", "--reference", "imagenet", "--labels", "ant"], "--labels: is of runs"),
        (["none.csv", "--reference", "imagenet"], "none.csv: no such file"),
        (["runs"], "--reference"),
    ],
)
def test_a_mistake_is_one_line(place: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shift", *words, "--output", "out.csv"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (place / "out.csv").exists()
