"""Few-shot training sets: what is drawn, what stays, and the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.cli.command_line import main
from zsl.data.dataset import Dataset
from zsl.data.few_shot import few_shot
from zsl.data.fingerprint import verified_fingerprints
from zsl.data.splits import SplitsOrigin, audit
from zsl.testing.worlds import dataset


def drawn(data: Dataset) -> dict[int, set[int]]:
    """Seen class -> its training images."""
    rows, found = data.splits.trainval, {}
    for row in rows.tolist():
        found.setdefault(int(data.labels[row]), set()).add(row)
    return found


@settings(deadline=None, max_examples=30)
@given(shots=st.integers(1, 10), seed=st.integers(0, 2**32 - 1), world=st.integers(0, 100))
def test_every_seen_class_gives_k_of_its_training_images(shots: int, seed: int, world: int) -> None:
    whole = dataset(world)
    found = few_shot(whole, shots, seed)
    before, after = drawn(whole), drawn(found)
    assert before.keys() == after.keys()
    for label, rows in after.items():
        assert rows <= before[label]
        assert len(rows) == min(shots, len(before[label]))
    audit(found.splits, found.labels, SplitsOrigin("drawn"))
    verified_fingerprints(found)
    kept = set(found.splits.trainval.tolist())
    for part in ("train", "val"):
        assert set(found.splits.parts()[part].tolist()) == kept & set(whole.splits.parts()[part].tolist())
    for part in ("test_seen", "test_unseen"):
        assert np.array_equal(found.splits.parts()[part], whole.splits.parts()[part])


@settings(deadline=None, max_examples=20)
@given(shots=st.integers(1, 7), seed=st.integers(0, 1000))
def test_a_draw_is_named_by_its_seed_and_part_of_every_larger_one(shots: int, seed: int) -> None:
    whole = dataset()
    fewer, again, more = (few_shot(whole, k, seed) for k in (shots, shots, shots + 1))
    assert fewer.fingerprints == again.fingerprints
    assert set(fewer.splits.trainval.tolist()) < set(more.splits.trainval.tolist())
    others = {few_shot(whole, shots, seed + i).fingerprints["trainval"] for i in range(5)}
    assert len(others) > 1


def test_a_class_with_fewer_images_is_noted() -> None:
    whole = dataset(per_class=10)
    assert few_shot(whole, 8, 0).card.notes == whole.card.notes
    (note,) = few_shot(whole, 9, 3).card.notes
    assert note.startswith("6 classes have fewer than 9 training images: class 0 (8), class 1 (8)")
    assert note.endswith("and others")
    assert few_shot(whole, 9, 3).card.title == "a small world, 9 shots (seed 3)"


def run(folder: Path, *overrides: str) -> dict[str, Any]:
    assert main(["train", "data=synthetic", "method=eszsl", f"paths.output={folder}", *overrides]) == 0
    content: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return content


def test_shots_are_a_key_of_every_data_set(tmp_path: Path) -> None:
    title = run(tmp_path / "a", "data.shots=4", "data.shots_seed=7", "selection=validation")["data_title"]
    assert title.endswith(", 4 shots (seed 7)")


@pytest.mark.parametrize("method", ["eszsl", "bilinear_softmax"])
@pytest.mark.parametrize("shots", [1, 2])
def test_one_image_of_a_class_is_enough_to_choose_by_validation_classes(
    tmp_path: Path, shots: int, method: str
) -> None:
    """No image of a seen class is held out: T1 decides, and there is no γ."""
    short = () if method == "eszsl" else ("method.epochs=2",)
    found = run(tmp_path / "a", f"data.shots={shots}", "selection=validation", f"method={method}", *short)
    trials = found["selection"]["trials"]
    assert {"T1"} <= set(trials[0]) <= {"chosen", "T1", "reached"}
    best = max(trials, key=lambda trial: trial["T1"])
    assert {f"method.{key}": value for key, value in best["chosen"].items()} == found["selection"]["chosen"]
    assert found["selection"]["gamma"] is found["selection"]["temperature"] is None
    assert "H_calibrated" not in found["metrics"]
    assert {"T1", "u", "s", "H"} <= set(found["metrics"])


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.shots=0"], "data.shots=0: must be a whole number, at least 1"),
        (["data.shots=2", "data.shots_seed=-1"], "data.shots_seed=-1: give a whole number from 0"),
        (
            ["data.shots=1", "selection=validation", "selection.objective=H"],
            "selection.objective=H: needs held-out images of train classes, and those have too few images to hold one "
            "out; raise protocol.seen_holdout, give more images (data.shots), or give T1",
        ),
        (["data.shots=2", "selection=validation", "selection.objective=H_raw"], "selection.objective=H_raw: needs"),
        (
            ["data.shots=1", "selection=validation", "correction=calibrated_stacking"],
            "correction.gamma=null: needs held-out images of train classes, and those have too few images to hold one "
            "out; raise protocol.seen_holdout, give more images (data.shots), or give a number",
        ),
    ],
)
def test_shots_that_make_no_sense_are_one_line(
    tmp_path: Path, overrides: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "data=synthetic", f"paths.output={tmp_path / 'run'}", *overrides]) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run" / "result.json").exists()
