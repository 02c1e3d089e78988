"""Split files of CoOp: base and new classes, images wherever they lie, and what is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backbones.mean_colour import MeanColour
from tests.datasets.test_extracted import parts, store
from tests.datasets.test_image_folder import paint
from zsl.datasets import extracted, image_folder
from zsl.datasets.coop_split import base_to_new
from zsl.datasets.split_file import read_split_file
from zsl.errors import InputError

NAMES = ["air plane", "bonsai", "crab", "dragon fly", "emu"]


def entries(images: range, classes: range = range(5)) -> list[list[Any]]:
    """Images in folders that are not called as their classes are."""
    return [[f"folder {label}/{i}.png", label, NAMES[label]] for label in classes for i in images]


def content() -> dict[str, Any]:
    return {"train": entries(range(4)), "val": entries(range(4, 5)), "test": entries(range(5, 8))}


def written(folder: Path, split: Any) -> Path:
    file = folder / "split_zhou_Animals.json"
    file.write_text(json.dumps(split), encoding="utf-8")
    return file


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for label in range(5):
        for i in range(8):
            paint(tmp_path / "animals" / f"folder {label}" / f"{i}.png", label, 10 * label + i)
    return tmp_path / "animals"


def test_base_classes_are_seen_and_new_classes_are_tested_on_test_images_alone(images: Path, tmp_path: Path) -> None:
    data = image_folder.load(images, written(tmp_path, content()), backbone=MeanColour(), cache=tmp_path / "cache")
    assert data.classes.names == tuple(NAMES)
    assert data.seen().tolist() == [True, True, True, False, False]
    used = {
        part: {data.images[row] for row in rows.tolist()} for part, rows in data.splits.parts().items() if len(rows)
    }
    assert used["trainval"] == {path for path, label, _ in content()["train"] if label < 3}
    assert used["train"] | used["val"] == used["trainval"]
    assert used["test_seen"] == {path for path, label, _ in content()["test"] if label < 3}
    assert used["test_unseen"] == {path for path, label, _ in content()["test"] if label >= 3}
    assert np.asarray(data.features)[:, 0].tolist() == data.labels.tolist()


def test_extracted_images_have_the_classes_of_the_list(images: Path, tmp_path: Path) -> None:
    file = written(tmp_path, content())
    ours = extracted.load(store(images, tmp_path / "store"), file)
    theirs = image_folder.load(images, file, backbone=MeanColour(), cache=tmp_path / "cache")
    assert ours.classes.names == theirs.classes.names
    assert parts(ours) == parts(theirs)


@settings(deadline=None, max_examples=30)
@given(labels=st.sets(st.integers(0, 50), min_size=2, max_size=9), seed=st.randoms(use_true_random=False))
def test_the_first_half_by_label_is_base(labels: set[int], seed: Any) -> None:
    listed = [[f"{label}.jpg", label, f"class {label}"] for label in labels]
    seed.shuffle(listed)
    found = base_to_new(Path("split.json"), {"train": listed, "val": [], "test": []})
    ordered = [f"class {label}" for label in sorted(labels)]
    assert (found["seen"], found["unseen"]) == (ordered[: -(-len(labels) // 2)], ordered[-(-len(labels) // 2) :])
    assert set(found["train"]) == {f"{name.removeprefix('class ')}.jpg" for name in found["seen"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train": "images"}, "train is not a list"),
        ({"train": [["a.jpg", 0]]}, r"train: .* is not \[path, label, class name\]"),
        ({"train": [["a.jpg", "0", "bonsai"]]}, r"is not \[path, label, class name\]"),
        ({"train": [["../a.jpg", 0, "bonsai"]]}, "leaves the folder of the images"),
        ({"train": [["/a.jpg", 0, "bonsai"]]}, "leaves the folder of the images"),
        ({"train": entries(range(5, 6))}, "is in train and in test; list it once"),
        ({"train": [["a.jpg", 0, "bonsai"]]}, "label 0 is .*bonsai.* and .*air plane.*; give it one name"),
        ({"train": [], "val": [], "test": [["a.jpg", 0, "bonsai"]]}, "has 1 class; two are needed"),
        ({"test": entries(range(5, 8), range(3))}, "has no image to train or test on"),
        ({"train": [*entries(range(4)), ["none.png", 0, "air plane"]]}, "no image 'none.png' in"),
        ({"train": [["a.jpg", 7, "emu"]]}, "'emu'"),
    ],
)
def test_what_makes_no_sense_is_one_line(images: Path, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = written(tmp_path, content() | change)
    with pytest.raises(InputError, match=said) as caught:
        image_folder.load(images, file, backbone=MeanColour(), cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_a_file_of_sun397s_size_is_read_in_seconds(tmp_path: Path) -> None:
    listed = [[f"c/{label}/sun_{i}.jpg", label, f"class {label}"] for label in range(397) for i in range(50)]
    start = time.process_time()
    plan = read_split_file(written(tmp_path, {"train": listed, "val": [], "test": []}))
    assert len(plan.train or ()) == 199 * 50
    assert time.process_time() - start < 20
