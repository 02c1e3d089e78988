"""ImageNet's files as distributed, small: every set of classes, every kind of file, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
from numpy import ndarray as Array

from tests.backbones.mean_colour import MeanColour
from tests.datasets import imagenet_files
from tests.datasets.imagenet_files import SMALL
from tests.datasets.test_image_folder import paint
from zsl.config.extraction import ExtractSettings
from zsl.data.dataset import Dataset
from zsl.datasets.imagenet import load
from zsl.errors import InputError
from zsl.features.extraction import Extraction
from zsl.features.shard import packed
from zsl.features.store import finish, shard_file
from zsl.runs.extraction import extract
from zsl.testing import check_data

FILES = ["ILSVRC2012_res101_feature.mat", "res101_1crop_all.mat"]
MADE = imagenet_files.world()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return imagenet_files.write(tmp_path / "world", MADE)


def read(root: Path, **given: Any) -> Dataset:
    keys = {"features": FILES, "root": root, "cache": root.parent / "cache", "wordnet": str(root / "wordnet")}
    return load(**{**keys, **given})


def images(x: Array, y: Array, wanted: Array) -> list[tuple[Any, ...]]:
    """Wnid and features of images of the wanted classes, in a fixed order."""
    return sorted((MADE.wnids[c], *row.tolist()) for row, c in zip(x, y, strict=True) if c in wanted)


def part(data: Dataset, name: str, wnids: dict[str, str]) -> list[tuple[Any, ...]]:
    rows = data.splits.parts()[name]
    names = [wnids[data.classes.names[label]] for label in data.labels[rows]]
    return sorted((name, *row.tolist()) for name, row in zip(names, data.features[rows], strict=True))


def wnids_of(data: Dataset) -> dict[str, str]:
    """Name of a class -> wnid, by way of its node in the hierarchy."""
    assert data.hierarchy is not None
    return {name: MADE.wnids[data.hierarchy.node[name]] for name in data.classes.names}


def check_parts(data: Dataset, unseen: Array) -> None:
    """Require the images of the world in every part."""
    wnids, seen = wnids_of(data), np.arange(SMALL.seen)
    assert part(data, "trainval", wnids) == images(*MADE.train, seen)
    assert part(data, "test_seen", wnids) == images(*MADE.val, seen)
    assert part(data, "test_unseen", wnids) == images(*MADE.unseen, unseen)
    for name, key in (("train", "train_classes"), ("val", "val_classes")):
        assert part(data, name, wnids) == images(*MADE.train, MADE.sets[key])


@pytest.mark.parametrize("cells", [True, False])
@pytest.mark.parametrize(
    ("unseen", "key"),
    [
        ("2-hops", "hops2"),
        ("3-hops", "hops3"),
        ("all", "all"),
    ],
)
def test_sets_of_the_split_file(tmp_path: Path, unseen: str, key: str, cells: bool) -> None:
    data = read(imagenet_files.write(tmp_path / "world", MADE, cells=cells), unseen=unseen)
    check_parts(data, MADE.sets[key])
    ids = [MADE.wnids.index(wnid) for wnid in wnids_of(data).values()]
    np.testing.assert_array_equal(data.classes.matrices["w2v"], MADE.vectors[ids])
    assert data.classes.texts["gloss"] == tuple(f"the gloss of {MADE.lemmas[i][0]}" for i in ids)
    joined = [", ".join(MADE.lemmas[i]) for i in ids]
    names = [
        f"{name} ({MADE.wnids[i]})" if joined.count(name) > 1 else name for i, name in zip(ids, joined, strict=True)
    ]
    assert list(data.classes.names) == names
    assert sum("crane" in name for name in names) == 2
    assert data.card.notes[0] == f"unseen classes: {unseen}, as in the split file"
    assert data.top_k == (2, 5, 10, 20)


def test_the_contract_of_data_sets(root: Path) -> None:
    check_data(partial(load, FILES, root=str(root), cache=str(root / "c"), wordnet=str(root / "wordnet")))


def test_names_come_from_the_list_of_classes_without_wordnet(root: Path) -> None:
    data, other = read(root, wordnet="none"), read(root)
    assert data.classes.names == other.classes.names
    assert data.hierarchy is None
    assert not data.classes.texts
    assert data.fingerprints == other.fingerprints


def test_classes_without_a_vector_are_left_out_unless_they_are_asked_for(root: Path) -> None:
    every = {**MADE.sets, "hops2": np.concatenate([MADE.sets["hops2"], MADE.bare])}
    scipy.io.savemat(str(root / "ImageNet_splits.mat"), {key: ids[None] + 1 for key, ids in every.items()})
    data = read(root)
    check_parts(data, MADE.sets["hops2"])
    assert f"{len(MADE.bare)} classes without a word vector left out" in data.card.notes[1]
    data = read(root, word_vectors=False)
    check_parts(data, every["hops2"])
    assert not data.classes.matrices


def test_a_class_without_images_is_a_candidate_on_request(root: Path) -> None:
    bare, (x, y) = MADE.sets["hops2"][0], MADE.unseen
    imagenet_files.write_hdf5(root / "some.mat", {"features": x[y != bare].T, "labels": y[y != bare][:, None] + 1.0})
    files = [FILES[0], "some.mat"]
    without, kept = read(root, features=files), read(root, features=files, distractors=True)
    names = set(kept.classes.names) - set(without.classes.names)
    assert {wnids_of(kept)[name] for name in names} == {MADE.wnids[bare]}
    assert any("1 classes have no image" in note for note in without.card.notes)


def computed(name: str) -> Array:
    """A set by its definition, among the classes that have a word vector (the set ``all`` of the file)."""
    parents = {i: {int(up)} if up >= 0 else set() for i, up in enumerate(MADE.parent)}
    reached = set(range(SMALL.seen))
    for _ in range(int(name[0]) - 1):
        reached |= {j for i in reached for j in parents[i]} | {i for i in parents if parents[i] & reached}
    return np.array(sorted(reached & set(MADE.sets["all"].tolist())))


@pytest.mark.parametrize("name", ["2-hops", "3-hops", "4-hops"])
def test_sets_that_the_file_lacks_are_computed_from_the_tree(root: Path, name: str) -> None:
    kept = {key: MADE.sets[key] for key in ("train_classes", "val_classes", "all")}
    scipy.io.savemat(str(root / "ImageNet_splits.mat"), {key: ids[None] + 1 for key, ids in kept.items()})
    data = read(root, unseen=name)
    check_parts(data, computed(name))
    assert data.card.notes[0] == f"unseen classes: {name}, computed"


def test_populated_sets_are_counted(root: Path) -> None:
    x, y = MADE.unseen
    times = 1 + y % 5
    imagenet_files.write_hdf5(
        root / "many.mat", {"features": np.repeat(x, times, axis=0).T, "labels": np.repeat(y, times)[:, None] + 1.0}
    )
    for which in ("most", "least"):
        data = read(root, features=[FILES[0], "many.mat"], unseen=f"{which}_populated_7")
        counts = np.bincount(np.repeat(y, times), minlength=len(MADE.wnids))
        chosen = [MADE.wnids.index(wnids_of(data)[name]) for name in np.array(data.classes.names)[~data.seen()]]
        others = np.setdiff1d(MADE.sets["all"], chosen)
        assert len(chosen) == 7
        if which == "most":
            assert counts[chosen].min() >= counts[others].max()
        else:
            assert counts[chosen].max() <= counts[others].min()


def store(folder: Path, x: Array, y: Array, name: str = "toy") -> Path:
    """What ``zsl extract`` writes of a folder of folders named by wnids, in two shards."""
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(y)), 2)):
        (folder / shard_file(number)).write_bytes(packed(x[rows], [f"{row:064x}" for row in rows], {}))
    classes = [MADE.wnids[label] for label in y]
    backbone = {"name": name, "transform": "none", "pretraining": "imagenet1k", "labels": ["tench"]}
    finish(folder, 2, [f"{wnid}/{i}.jpg" for i, wnid in enumerate(classes)], classes, backbone, {})
    return folder


@pytest.mark.parametrize("known", [True, False])
def test_folders_of_features_are_the_same_data(root: Path, known: bool) -> None:
    """With the list of classes, or with a JSON file of wnids alone."""
    places = {name: str(store(root / name, *getattr(MADE, name))) for name in ("train", "val", "unseen")}
    more: dict[str, Any] = {} if known else {"classes": None}
    if not known:
        imagenet_files.write_json(root / "testsets.json", MADE)
        more["splits"] = "testsets.json"
    data = read(root, features=[places["train"], places["unseen"]], held_out=places["val"], **more)
    wnids = wnids_of(data)
    for name, world, wanted in (
        ("trainval", MADE.train, np.arange(SMALL.seen)),
        ("test_seen", MADE.val, np.arange(SMALL.seen)),
        ("test_unseen", MADE.unseen, MADE.sets["hops2"]),
    ):
        assert part(data, name, wnids) == images(*world, wanted)
    assert len(data.images) == len(data.features)
    assert any("pretraining: imagenet1k" in note for note in data.card.notes)
    assert [note for note in data.card.notes if note.startswith("backbone: ")] == ["backbone: toy; none"]
    assert data.backbone == "toy; none"
    assert not read(root).backbone, "MATLAB files do not name theirs"


def test_photographs_that_were_extracted(root: Path, tmp_path: Path) -> None:
    """From folders named by wnids, by the command's own code."""
    places = {}
    for name, labels in (("train", range(SMALL.seen)), ("val", range(SMALL.seen)), ("unseen", MADE.sets["hops2"])):
        for label in labels:
            for i in range(2):
                paint(tmp_path / "photographs" / name / MADE.wnids[label] / f"{i}.png", int(label), i)
        extraction = Extraction(str(tmp_path / "photographs" / name), tmp_path / name, MeanColour(), 8, False, 1)
        extract(ExtractSettings(extraction, "local", 1, {}))
        places[name] = str(tmp_path / name)
    data = read(root, features=[places["train"], places["unseen"]], held_out=places["val"])
    wnids = wnids_of(data)
    for split, count in (("trainval", 2 * SMALL.seen), ("test_seen", 2 * SMALL.seen), ("test_unseen", 2 * SMALL.hops2)):
        rows = data.splits.parts()[split]
        assert len(rows) == count
        for row in rows:
            assert data.images[row].startswith(wnids[data.classes.names[data.labels[row]]])


def test_folders_of_different_backbones_are_refused(root: Path) -> None:
    places = [str(store(root / "train", *MADE.train)), str(store(root / "unseen", *MADE.unseen, "other"))]
    with pytest.raises(InputError, match="are of different backbones; extract"):
        read(root, features=places, held_out=str(store(root / "val", *MADE.val)))


def test_without_any_file_of_classes_seen_ones_are_those_that_are_held_out(root: Path) -> None:
    places = [str(store(root / name, *getattr(MADE, name))) for name in ("train", "unseen")]
    held = str(store(root / "val", *MADE.val))
    data = read(root, features=places, held_out=held, classes=None, splits=None, unseen="all", wordnet="none")
    assert data.seen().sum() == SMALL.seen
    assert set(data.classes.names) == set(MADE.wnids[: SMALL.seen]) | {MADE.wnids[i] for i in MADE.unseen[1]}


def test_features_are_mapped_and_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read(root)
    assert all(isinstance(block, np.memmap) for block in first.features.blocks)  # type: ignore[union-attr]
    monkeypatch.setattr(h5py, "File", None)
    assert read(root, unseen="all").fingerprints["features"] == first.fingerprints["features"]
    assert not list((root.parent / "cache").rglob(f".*.{'?' * 32}"))


def rewritten(root: Path, file: str, **arrays: Any) -> None:
    """Write a file again with some arrays replaced, or removed where they are None."""
    world = {
        "ImageNet_splits.mat": {key: ids[None] + 1 for key, ids in MADE.sets.items()},
        FILES[1]: {"features": MADE.unseen[0].T, "labels": MADE.unseen[1][:, None] + 1.0},
        FILES[0]: {"features": MADE.train[0], "labels": MADE.train[1][:, None] + 1.0},
        "ImageNet_w2v.mat": {"wnids": np.array(MADE.wnids, dtype=object)[:, None], "w2v": MADE.vectors},
    }[file]
    kept = {key: value for key, value in {**world, **arrays}.items() if value is not None}
    scipy.io.savemat(str(root / file), kept)


def unlabelled(root: Path) -> None:
    """Take the labels of held-out images out of a file of version 7.3."""
    with h5py.File(root / FILES[0], "r+") as file:
        del file["labels_val"]


BAD: list[tuple[Callable[[Path], dict[str, Any]], str]] = [
    (lambda root: {"unseen": "4-hops", "wordnet": "none"}, "data.unseen=4-hops: needs"),
    (lambda root: {"unseen": "some"}, "data.unseen=some: choose one of 2-hops, 3-hops, all, most_populated_500"),
    (lambda root: {"features": [FILES[1]]}, "no training image of a seen class"),
    (lambda root: {"features": [FILES[0]]}, "no image of an unseen class"),
    (lambda root: {"features": ["nothing.mat"]}, "no such file"),
    (lambda root: {"classes": None}, "give the list of classes that they count with data.classes"),
    (lambda root: {"wordnet": str(root)}, "data.wordnet"),
    (lambda root: {"splits": "ImageNet_w2v.mat"}, "train_classes or val_classes is missing"),
    (lambda root: {"classes": "ImageNet_splits.mat"}, "key 'wnids' is missing"),
    (lambda root: rewritten(root, FILES[0]) or {}, "no held-out image of a seen class; give some with data.held_out"),
    (lambda root: rewritten(root, FILES[1], labels=None) or {}, "key 'labels' is missing"),
    (lambda root: rewritten(root, FILES[0], features_val=MADE.val[0]) or {}, "has 'features_val', but no 'labels_val'"),
    (lambda root: unlabelled(root) or {}, "has 'features_val', but no 'labels_val'"),
    (lambda root: rewritten(root, FILES[1], labels=MADE.unseen[1][:-1, None] + 1) or {}, "but there are 59 labels"),
    (lambda root: rewritten(root, FILES[1], features=MADE.unseen[0][:, :4].T) or {}, "has 4 features an image"),
    (lambda root: rewritten(root, FILES[1], features=np.full((6, 60), np.nan)) or {}, "image 1 is not finite"),
    (
        lambda root: rewritten(root, FILES[1], labels=MADE.unseen[1][:, None] + 99) or {},
        "is no class, of which there are 38",
    ),
    (
        lambda root: rewritten(root, "ImageNet_splits.mat", hops2=np.array([[99]])) or {},
        "99 is not the number of a class",
    ),
    (lambda root: rewritten(root, "ImageNet_splits.mat", hops2=np.array([[9, 9]])) or {}, "a class occurs twice"),
    (
        lambda root: rewritten(root, "ImageNet_splits.mat", hops2=np.array([[1, 9]])) or {},
        "1 classes are seen ones too",
    ),
    (lambda root: rewritten(root, "ImageNet_w2v.mat", w2v=MADE.vectors[1:]) or {}, "w2v is 37 × 4 for 38 wnids"),
    (lambda root: rewritten(root, "ImageNet_w2v.mat", no_w2v_loc=np.array([[0]])) or {}, "no_w2v_loc: 0"),
    (
        lambda root: rewritten(root, "ImageNet_w2v.mat", wnids=np.array(["fox"] * 38, dtype=object)[:, None]) or {},
        "'fox' is not a wnid",
    ),
    (
        lambda root: (
            rewritten(root, "ImageNet_w2v.mat", wnids=np.array(["n00000009"] * 38, dtype=object)[:, None]) or {}
        ),
        "n00000009 occurs twice",
    ),
    (lambda root: (root / "s.json").write_text("[]") and {"splits": "s.json"}, "has no list 'train'"),
    (lambda root: (root / "s.json").write_text("{") and {"splits": "s.json"}, "not JSON"),
    (
        lambda root: (root / "s.json").write_text(json.dumps({"train": ["n99999999"]})) and {"splits": "s.json"},
        "n99999999 is not in data.classes",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), BAD)
def test_what_is_wrong_is_said_in_one_line(root: Path, spoil: Callable[[Path], dict[str, Any]], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(root, **spoil(root))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value) or "choose one of" in str(caught.value)
    assert not list((root.parent / "cache").rglob(f".*.{'?' * 32}")), "nothing half-written is left"
