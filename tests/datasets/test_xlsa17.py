"""The reader of xlsa17 files: formats, dtypes, releases, and refused input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.datasets.matfiles import content, write
from zsl.data.dataset import Dataset
from zsl.data.fingerprint import sha256, verified_fingerprints
from zsl.data.pretraining import OVERLAP, PREFIX, on_pretraining
from zsl.datasets.xlsa17 import load
from zsl.errors import InputError

Change = Callable[[dict[str, Any], dict[str, Any]], None]


def read(root: Path, change: Change = lambda f, s: None, version: str = "5", **options: Any) -> Dataset:
    features, splits = content()
    change(features, splits)
    write(root / "data", features, splits, version)
    return load(name="toy", root=root / "data", cache=root / "cache", **options)


def drop(*keys: str) -> Change:
    def change(_features: dict[str, Any], splits: dict[str, Any]) -> None:
        for key in keys:
            del splits[key]

    return change


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_both_formats_give_what_was_written(tmp_path: Path, version: str) -> None:
    dataset = read(tmp_path, version=version)
    features, splits = content()
    np.testing.assert_array_equal(dataset.features, features["features"].T.astype(np.float32))
    np.testing.assert_array_equal(dataset.labels, features["labels"].ravel() - 1)
    np.testing.assert_array_equal(dataset.classes.matrices["att"], splits["att"].T)
    np.testing.assert_array_equal(dataset.classes.matrices["original_att"], splits["original_att"].T)
    assert dataset.classes.names == tuple(f"name {i}" for i in range(1, 7))
    np.testing.assert_array_equal(dataset.splits.trainval, splits["trainval_loc"].ravel().astype(int) - 1)


def test_both_formats_have_the_same_fingerprints(tmp_path: Path) -> None:
    five, seven = read(tmp_path / "5", version="5"), read(tmp_path / "7", version="7.3")
    assert five.fingerprints == seven.fingerprints


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_counts_and_labels_of_any_numeric_dtype(tmp_path: Path, dtype: type) -> None:
    def change(features: dict[str, Any], splits: dict[str, Any]) -> None:
        features["features"] = np.round(50 * np.abs(features["features"])).astype(dtype)
        features["labels"] = features["labels"].astype(dtype)
        for key in splits:
            if key.endswith("_loc"):
                splits[key] = splits[key].astype(dtype)

    dataset = read(tmp_path, change)
    assert dataset.features.dtype == np.float32
    np.testing.assert_array_equal(dataset.features, np.round(50 * np.abs(content()[0]["features"])).T)
    assert dataset.labels.min() == 0


def test_train_and_val_lose_the_test_seen_images_that_the_release_put_there(tmp_path: Path) -> None:
    splits = read(tmp_path).splits
    assert set(splits.train) | set(splits.val) == set(splits.trainval)
    assert not set(splits.train) & set(splits.test_seen)
    assert not set(splits.val) & set(splits.test_seen)


def test_without_train_and_val_a_fixed_quarter_of_the_seen_classes_validates(tmp_path: Path) -> None:
    dataset = read(tmp_path, drop("train_loc", "val_loc"))
    assert len(np.unique(dataset.labels[dataset.splits.val])) == 1
    assert set(dataset.splits.train) | set(dataset.splits.val) == set(dataset.splits.trainval)
    assert "no train_loc" in dataset.card.notes[0]


def test_without_train_and_val_the_released_list_of_validation_classes_is_used(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "valclasses1.txt").write_text("name 2\nname 4\n")
    dataset = read(tmp_path, drop("train_loc", "val_loc"))
    assert set(dataset.labels[dataset.splits.val]) == {1, 3}


def test_names_and_original_attributes_may_be_missing(tmp_path: Path) -> None:
    dataset = read(tmp_path, drop("allclasses_names", "original_att"))
    assert dataset.classes.names[0] == "class 1"
    assert set(dataset.classes.matrices) == {"att"}


def idle_class(features: dict[str, Any], splits: dict[str, Any]) -> None:
    """Class 2 keeps its embedding but loses its images."""
    keep = features["labels"].ravel() != 2
    moved = np.cumsum(keep)
    features["features"], features["labels"] = features["features"][:, keep], features["labels"][keep]
    for key in splits:
        if key.endswith("_loc"):
            rows = splits[key].ravel() - 1
            splits[key] = moved[rows[keep[rows]]][:, None]


def test_a_class_without_images_is_left_out_and_named(tmp_path: Path) -> None:
    dataset = read(tmp_path, idle_class)
    assert dataset.classes.names == ("name 1", "name 3", "name 4", "name 5", "name 6")
    assert dataset.labels.max() == 4
    assert any("name 2" in note for note in dataset.card.notes)
    assert dataset.classes.matrices["att"].shape == (5, 3)


def test_a_class_without_images_can_stay_as_an_answer(tmp_path: Path) -> None:
    dataset = read(tmp_path, idle_class, distractors=True)
    assert len(dataset.classes.names) == 6
    assert 1 not in dataset.labels
    assert not dataset.seen()[1]


@pytest.mark.parametrize(("file", "length"), [("res101.mat", 2048), ("resnet_fc1000.mat", 1000)])
def test_published_features_say_what_their_backbone_was_trained_on(tmp_path: Path, file: str, length: int) -> None:
    features, splits = content()
    folder = write(tmp_path / "data", features, splits)
    splits["allclasses_names"][[0, 4], 0] = "goldfish", "012.Tench"
    write(folder, {**features, "features": np.random.default_rng(0).random((length, 30))}, splits)
    (folder / "res101.mat").rename(folder / "other.mat")
    (folder / file).write_bytes((folder / "other.mat").read_bytes())
    named, other = (
        load(name="toy", root=folder, cache=tmp_path / "cache", features=name) for name in (file, "other.mat")
    )
    stated, overlap = (note for note in named.card.notes if note.startswith(PREFIX))
    assert stated.startswith("pretraining: imagenet1k (ResNet")
    assert overlap == f"pretraining: 1 of 2 unseen classes {OVERLAP}: 012.Tench"
    assert not on_pretraining(other.card.notes)
    assert named.fingerprints == other.fingerprints == verified_fingerprints(named)


def test_features_of_another_length_are_not_the_published_ones(tmp_path: Path) -> None:
    assert not on_pretraining(read(tmp_path).card.notes)


def put(part: str, key: str, value: Any) -> Change:
    def change(features: dict[str, Any], splits: dict[str, Any]) -> None:
        (features if part == "features" else splits)[key] = value

    return change


def edit(key: str, position: int, value: float) -> Change:
    def change(features: dict[str, Any], splits: dict[str, Any]) -> None:
        arrays = features if key in features else splits
        arrays[key] = arrays[key].astype(np.float64)
        arrays[key].ravel()[position] = value

    return change


def repeat_column(key: str) -> Change:
    def change(features: dict[str, Any], splits: dict[str, Any]) -> None:
        splits[key][1] = splits[key][0]

    return change


REFUSED: dict[str, tuple[Change, str]] = {
    "unseen class in training": (
        edit("trainval_loc", 3, 22),
        "att_splits.mat: trainval_loc: index 22 is .*unseen class",
    ),
    "duplicate": (repeat_column("trainval_loc"), "trainval_loc: index 2 occurs twice"),
    "out of range": (edit("test_unseen_loc", 0, 31), "test_unseen_loc: index 31 is out of range.* 1 to 30"),
    "counted from 0": (edit("test_seen_loc", 0, 0), "test_seen_loc: index 0 is out of range"),
    "empty": (put("splits", "test_seen_loc", np.zeros((0, 1))), "test_seen_loc is empty"),
    "test image in training": (edit("test_seen_loc", 0, 2), "test_seen_loc: index 2 is also in trainval_loc"),
    "not whole": (edit("trainval_loc", 0, 1.5), "trainval_loc entry 1 is 1.5"),
    "NaN index": (edit("trainval_loc", 0, np.nan), "trainval_loc entry 1 is nan"),
    "validation class also trained on": (
        edit("val_loc", 0, 5),
        "val_loc: index 5 is an image of a class that is also in train",
    ),
    "one image in both tests": (
        edit("test_seen_loc", 0, 30),
        "test_unseen_loc: index 30 is also in test_seen_loc",
    ),
    "label without embedding": (edit("labels", 29, 7), "class 7 has images but no embedding"),
    "label 0": (edit("labels", 4, 0), "label 0 of image 5"),
    "fractional label": (edit("labels", 4, 1.25), "labels entry 5 is 1.25"),
    "embedding of zeros": (put("splits", "att", np.eye(3, 6)), "class 'name 4' has images but no embedding"),
    "embedding of NaN": (edit("att", 1, np.nan), "class 'name 2' has images but no embedding"),
    "feature of NaN": (edit("features", 7, np.nan), "features of image 8 are not finite"),
    "feature beyond float32": (edit("features", 0, 1e300), "features of image 1 are not finite"),
    "transposed features": (put("features", "features", np.zeros((30, 4))), "30 × 4 but there are 30 labels"),
    "no features": (put("features", "features", np.zeros((0, 30))), "features must be d × n"),
    "text for features": (put("features", "features", "words"), "features holds text, not real numbers"),
    "complex features": (put("features", "features", np.zeros((4, 30), complex)), "not real numbers"),
    "fewer names than columns": (
        put("splits", "allclasses_names", np.array([["a"], ["b"]], dtype=object)),
        "2 allclasses_names but 6 columns",
    ),
    "the same name twice": (
        put("splits", "allclasses_names", np.array([["a"]] * 6, dtype=object)),
        "allclasses_names: 'a' occurs twice",
    ),
    "original_att of other classes": (put("splits", "original_att", np.ones((3, 5))), "original_att 5"),
    "no att": (drop("att"), "key 'att' is missing"),
    "no trainval_loc": (drop("trainval_loc"), "key 'trainval_loc' is missing"),
    "train_loc alone": (drop("val_loc"), "train_loc is given alone"),
}


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path, case: str, version: str) -> None:
    if case == "text for features" and version == "7.3":
        pytest.skip("MATLAB 7.3 keeps text as numbers, so this is the transposed case")
    change, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, change, version)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "missing", "folder"])
@pytest.mark.parametrize("file", ["res101.mat", "att_splits.mat"])
@pytest.mark.parametrize("version", ["5", "7.3"])
def test_damaged_files_are_refused_and_leave_nothing(tmp_path: Path, file: str, damage: str, version: str) -> None:
    path = write(tmp_path / "data", *content(), version) / file
    whole = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"cut": whole[: len(whole) // 4], "text": b"features = 1", "empty": b""}[damage])
    with pytest.raises(InputError, match=file) as caught:
        load(name="toy", root=tmp_path / "data", cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    left = [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file() and not p.name.endswith(".lock")]
    assert left == [] or file == "att_splits.mat"


@pytest.mark.parametrize(
    ("folder", "name", "features", "title", "sizes"),
    [
        ("CUB", "cub", "resnet_fc1000.mat", "CUB PS v1, 312 attributes", (7057, 1764, 2967, 4702, 2355)),
        ("AWA1", "awa1", "hand5_pca512.mat", "AWA1 PS v1, 85 attributes", (19832, 4958, 5685, 13460, 6372)),
    ],
)
def test_real_data(
    data_root: Path, cache: Path, folder: str, name: str, features: str, title: str, sizes: tuple[int, ...]
) -> None:
    dataset = load(name=name, root=data_root / folder, features=features, cache=cache)
    assert dataset.card.title == title
    assert tuple(len(rows) for rows in dataset.splits.parts().values()) == sizes
    stated = [note for note in dataset.card.notes if note.startswith(PREFIX)]
    assert len(stated) == (folder == "CUB"), "no unseen class of the Proposed Split is one of ImageNet's"
    np.testing.assert_allclose(np.linalg.norm(dataset.classes.matrices["att"], axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("folder", "title"),
    [
        ("AWA2", "AWA2 PS v1, 85 attributes"),
        ("SUN", "SUN PS v1, 102 attributes"),
        ("APY", "aPY PS v1, 64 attributes"),
        ("FLO", "FLO PS v1, 1024-d sentence embeddings"),
    ],
)
def test_real_split_files_are_recognised_by_content(data_root: Path, tmp_path: Path, folder: str, title: str) -> None:
    """With made-up features of the true number, labelled so that the splits hold."""
    import scipy.io

    from zsl.datasets.xlsa17 import SPLIT_KEYS
    from zsl.files import matlab

    path = data_root / "SPLITS_ONLY" / folder / "att_splits.mat"
    raw = matlab.read(path, SPLIT_KEYS)
    trainval, unseen = (raw[key].ravel().astype(int) for key in ("trainval_loc", "test_unseen_loc"))
    n = max(int(raw[key].max()) for key in raw if key.endswith("_loc"))
    labels = np.ones(n)
    labels[raw["val_loc"].ravel().astype(int) - 1] = 2
    labels[unseen - 1] = np.arange(len(unseen)) % (raw["att"].shape[1] - 2) + 3
    assert len(trainval)
    (tmp_path / "renamed.mat").write_bytes(path.read_bytes())
    scipy.io.savemat(tmp_path / "res101.mat", {"features": np.ones((1, n)), "labels": labels[:, None]})
    dataset = load(name="x", root=tmp_path, splits="renamed.mat", cache=tmp_path / "cache")
    assert dataset.card.title == title


def test_a_second_opening_does_not_hash_the_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read(tmp_path)
    hashed: list[tuple[int, ...]] = []

    def watched(array: np.ndarray) -> str:
        hashed.append(array.shape)
        return sha256(array)

    monkeypatch.setattr("zsl.data.fingerprint.sha256", watched)
    again = load(name="toy", root=tmp_path / "data", cache=tmp_path / "cache")
    assert again.fingerprints == first.fingerprints
    assert hashed
    assert first.features.shape not in hashed
