"""Duplicate images: refused across parts and labels, counted within a class of one part."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests import worlds
from tests.datasets import matfiles
from zsl.backbones.backbone import Backbone
from zsl.cli import main
from zsl.data.dataset import Dataset, Splits
from zsl.data.duplicates import Duplicates, listed, with_duplicates_noted
from zsl.data.pretraining import BACKBONE, PREFIX
from zsl.data.splits import SplitsOrigin, audit
from zsl.datasets.image_folder import load
from zsl.datasets.image_folder_images import decode
from zsl.errors import InputError

SEEN, UNSEEN, COUNT = ("ant", "bee", "cow"), ("dog", "eel"), 5
TRAIN = [f"{name}/{i}.png" for name in SEEN for i in range(3)]
TEST = [f"{name}/{i}.png" for name in SEEN for i in range(3, COUNT)]


class Corner(Backbone):
    """θ(x) = the colour of the first pixel."""

    name, transform = "corner", "none"

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image)[0, 0]

    def encode(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        return np.array(pixels, dtype=np.float32)


Loader = Callable[..., Dataset]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label, name in enumerate((*SEEN, *UNSEEN)):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for i in range(COUNT):
            Image.new("RGB", (3, 3), (label, i, 7)).save(tmp_path / "animals" / name / f"{i}.png")
    split = f"{{seen: [{', '.join(SEEN)}], unseen: [{', '.join(UNSEEN)}], val: [bee], train: {TRAIN}, test: {TEST}}}"
    (tmp_path / "split.yaml").write_text(split)
    return tmp_path / "animals"


@pytest.fixture
def loaded(folder: Path, tmp_path: Path) -> Loader:
    def load_with(**options: Any) -> Dataset:
        return load(folder, tmp_path / "split.yaml", backbone=Corner(), cache=tmp_path / "cache", **options)

    return load_with


def copied(folder: Path, one: str, other: str) -> None:
    shutil.copyfile(folder / one, folder / other)


def rows_of(data: Dataset, *paths: str) -> list[int]:
    classes = [*SEEN, *UNSEEN]
    return [classes.index(path.partition("/")[0]) * COUNT + int(path.partition("/")[2][0]) for path in paths]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ant/0.png", "ant/4.png"),  # training and test of a seen class
        ("dog/0.png", "ant/0.png"),  # an unseen class, in training
        ("dog/0.png", "ant/4.png"),  # an unseen class, in the test of a seen one
        ("ant/0.png", "cow/1.png"),  # two labels in training
        ("ant/0.png", "bee/0.png"),  # train and validation classes
        ("dog/0.png", "eel/1.png"),  # two labels in test
    ],
)
def test_a_copy_where_it_may_not_be_is_refused_by_name(folder: Path, loaded: Loader, one: str, other: str) -> None:
    copied(folder, one, other)
    with pytest.raises(InputError, match=r"^data\.on_duplicate=refuse: 1 images") as caught:
        loaded()
    assert f"{min(one, other)} = {max(one, other)}" in str(caught.value)
    assert "data.on_duplicate=drop" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_copies_are_counted_and_a_few_named(folder: Path, loaded: Loader) -> None:
    for i in range(COUNT):
        copied(folder, f"dog/{i}.png", f"ant/{i}.png")
        copied(folder, f"eel/{i}.png", f"cow/{i}.png")
    with pytest.raises(InputError, match=r": 10 images .*ant/0\.png = dog/0\.png; .* and 6 more; remove") as caught:
        loaded()
    assert str(caught.value).count(" = ") == 4


def test_drop_leaves_the_copy_in_test_alone(folder: Path, loaded: Loader, caplog: pytest.LogCaptureFixture) -> None:
    before = loaded().splits
    copied(folder, "ant/0.png", "ant/4.png")
    copied(folder, "cow/3.png", "cow/1.png")
    data = loaded(on_duplicate="drop")
    gone = rows_of(data, "ant/0.png", "cow/1.png")
    assert set(before.trainval) - set(data.splits.trainval) == set(gone)
    assert set(before.train) - set(data.splits.train) == set(gone)
    for part in ("val", "test_seen", "test_unseen"):
        np.testing.assert_array_equal(getattr(data.splits, part), getattr(before, part))
    audit(data.splits, data.labels, SplitsOrigin("animals"))
    assert "ant/0.png = ant/4.png" in caplog.text
    assert any("data.on_duplicate=drop: 2 images" in note for note in data.card.notes)


def test_drop_leaves_no_image_of_two_labels(folder: Path, loaded: Loader) -> None:
    copied(folder, "dog/0.png", "ant/0.png")
    copied(folder, "dog/0.png", "ant/3.png")
    copied(folder, "dog/0.png", "bee/1.png")
    copied(folder, "dog/0.png", "dog/1.png")
    data = loaded(on_duplicate="drop")
    gone = rows_of(data, "dog/0.png", "dog/1.png", "ant/0.png", "ant/3.png", "bee/1.png")
    assert not set(gone) & set(np.concatenate(list(data.splits.parts().values())).tolist())
    assert sum(len(rows) for rows in list(data.splits.parts().values())[:3]) == len(data.labels) - len(gone)


def test_a_class_that_is_left_without_images_is_named(folder: Path, loaded: Loader) -> None:
    for i in range(COUNT):
        copied(folder, f"dog/{i}.png", f"ant/{i}.png")
    with pytest.raises(InputError, match="class 'ant' has no image"):
        loaded(on_duplicate="drop")


def test_allow_keeps_all_and_notes_it(folder: Path, loaded: Loader) -> None:
    before = loaded()
    copied(folder, "dog/0.png", "ant/0.png")
    data = loaded(on_duplicate="allow")
    for one, other in zip(before.splits.parts().values(), data.splits.parts().values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any("data.on_duplicate=allow: 1 images" in note for note in data.card.notes)


def test_copies_within_a_class_are_counted_and_kept(
    folder: Path, loaded: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    before = loaded()
    copied(folder, "ant/0.png", "ant/1.png")
    copied(folder, "ant/0.png", "ant/2.png")
    copied(folder, "dog/0.png", "dog/3.png")
    data = loaded()
    np.testing.assert_array_equal(data.splits.trainval, before.splits.trainval)
    assert any(note.startswith("3 images repeat another one of their class") for note in data.card.notes)
    assert "3 images repeat" in caplog.text


def test_an_image_that_is_not_used_is_nobodys_copy(folder: Path, tmp_path: Path, loaded: Loader) -> None:
    copied(folder, "dog/0.png", "ant/0.png")
    split = (tmp_path / "split.yaml").read_text()
    (tmp_path / "split.yaml").write_text(split.replace("'ant/0.png', ", ""))
    assert all(note.startswith((BACKBONE, PREFIX)) for note in loaded().card.notes)


def test_an_unknown_policy_is_refused(loaded: Loader) -> None:
    with pytest.raises(InputError, match=r"data\.on_duplicate=keep is unknown; choose one of refuse, drop, allow"):
        loaded(on_duplicate="keep")


def test_an_image_that_changes_after_it_was_counted_is_an_error(folder: Path) -> None:
    """An image that changes after it was hashed is refused, because its features are cached under the hash."""
    with pytest.raises(InputError, match=r"ant/0\.png: changed while the folder was read"):
        decode(folder / "ant" / "0.png", "0" * 64)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=20))
def test_what_is_found_is_what_pairs_say(images: list[tuple[int, int, int]]) -> None:
    """Compare the groups with a test of all pairs; every image has a content, a label and a part (3 for none)."""
    content, labels, part = (np.array(column) for column in zip(*images, strict=True))
    trainval, seen, unseen = (np.flatnonzero(part == i) for i in range(3))
    splits = Splits(trainval, seen, unseen, trainval, trainval[:0])
    found, used = Duplicates.of(content.tolist(), labels, splits), np.flatnonzero(part < 3)
    pairs = [(i, j) for j in used for i in used if i < j and content[i] == content[j]]
    torn = {content[i] for i, j in pairs if labels[i] != labels[j]}
    both = {content[i] for i, j in pairs if (part[i] == 0) != (part[j] == 0)} - torn
    assert {content[rows[0]] for rows in found.two_labels} == torn
    assert {content[rows[0]] for rows in found.in_both} == both
    assert {content[rows[0]] for rows in found.within} == {content[i] for i, _ in pairs} - torn - both
    after = found.without(splits)
    assert not Duplicates.of(content.tolist(), labels, after).leaks
    assert {content[i] for i in np.concatenate([after.test_seen, after.test_unseen])} >= both
    assert set(content[part < 3]) - torn == set(content[np.concatenate(list(after.parts().values()))])


def test_few_groups_are_all_named() -> None:
    groups = [np.array([1, 2, 3])]
    assert listed(groups, str) == "1 = 2"


def test_equal_features_in_training_and_test_are_counted_and_noted(caplog: pytest.LogCaptureFixture) -> None:
    world = worlds.dataset()
    assert with_duplicates_noted(world) is world
    x, splits = np.array(world.features), world.splits
    x[splits.test_unseen[:3]] = x[splits.trainval[:3]]
    x[splits.test_seen[0]] = x[splits.test_seen[1]]
    with caplog.at_level(logging.WARNING):
        noted = with_duplicates_noted(replace(world, features=x))
    (note,) = noted.card.notes
    assert note in caplog.text
    assert note.startswith(("6 images have the very same", "8 images have the very same"))
    assert f"image {min(splits.test_unseen[0], splits.trainval[0]) + 1} (" in note


def test_the_images_that_are_named_are_of_two_classes_or_of_training_and_test() -> None:
    world = worlds.dataset()
    x, splits = np.array(world.features), world.splits
    own = splits.trainval[world.labels[splits.trainval] == world.labels[splits.trainval[0]]]
    x[[*own[:2], splits.test_unseen[0]]] = 0
    (note,) = with_duplicates_noted(replace(world, features=x)).card.notes
    assert note.startswith("3 images have the very same features")
    first, other = (f"image {row + 1} (" for row in sorted((own[0], splits.test_unseen[0])))
    assert first in note
    assert other in note


def test_a_run_on_a_feature_file_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features, splits = matfiles.content()
    features["features"][:, 27] = features["features"][:, 2]  # image 28 of class 6, unseen; image 3 of class 1
    root = matfiles.write(tmp_path / "root", features, splits)
    arguments = ["xlsa17", "data.name=world", f"data.root={root}", f"data.cache={tmp_path / 'cache'}"]
    for command in ("prepare", "inspect", "verify"):
        assert main(["data", command, *arguments]) == 0
        shown = " ".join("".join(capsys.readouterr()).split())
        assert "2 images have the very same features" in shown
        assert "image 3 (name 1, trainval) = image 28 (name 6, test_unseen)" in shown
