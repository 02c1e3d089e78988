"""Files as users have them: suffixes, folders and dot files of images, lists of names, byte order marks."""

from __future__ import annotations

import json
import logging
import os
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps, features

from tests.backbones.mean_colour import MeanColour
from tests.datasets.matfiles import content, write
from tests.datasets.test_image_folder import paint
from zsl.class_embeddings.vector_file import read
from zsl.data.dataset import ClassDescriptions, Dataset
from zsl.data.pretraining import BACKBONE, PREFIX
from zsl.datasets.image_folder import load
from zsl.datasets.image_folder_attributes import read_attributes
from zsl.datasets.image_folder_images import decode
from zsl.datasets.xlsa17 import load as load_pair
from zsl.errors import InputError

NAMES = ("Barn_Swallow", "Bobolink", "002.Cactus_Wren")
Loader = Callable[..., Dataset]


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    for label, name in enumerate(NAMES):
        for i in range(3):
            paint(tmp_path / "birds" / name / f"{i}.png", label, i)
    return tmp_path / "birds"


@pytest.fixture
def loaded(birds: Path, tmp_path: Path) -> Loader:
    def load_with(*names: str) -> Dataset:
        names = names or NAMES
        split = tmp_path / "split.json"
        split.write_text("\ufeff" + json.dumps({"seen": names[:2], "unseen": names[2:]}))
        return load(birds, split, backbone=MeanColour(), cache=tmp_path / "cache")

    return load_with


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPG", ".dib", ".tiff", ".pnm", ".webp", ".avif"])
def test_images_are_found_by_any_suffix_of_their_format(loaded: Loader, birds: Path, suffix: str) -> None:
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow decodes no AVIF")
    Image.new("RGB", (9, 9), "red").save(birds / NAMES[0] / f"new{suffix}")
    assert len(loaded().labels) == 10


def test_what_is_not_used_is_counted_and_named(loaded: Loader, birds: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("0.mov", "notes.txt"):
        (birds / NAMES[0] / name).write_bytes(b"x")
    paint(birds / NAMES[1] / "more" / "1.png", 3, 3)
    os.mkfifo(birds / NAMES[1] / "9.png")
    with caplog.at_level(logging.WARNING):
        data = loaded()
    assert len(data.labels) == 9
    for text in (caplog.text, " ".join(data.card.notes)):
        assert "4 others" in text
        for name in ("0.mov", "notes.txt", "more/ (a folder with 1 images)", "9.png (no regular file)"):
            assert name in text


def test_names_that_begin_with_a_dot_are_no_images(
    loaded: Loader, birds: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("._0.png", ".DS_Store", ".hidden.jpg"):
        (birds / NAMES[0] / name).write_bytes(b"\0\5\x16\7")
    with caplog.at_level(logging.WARNING):
        assert len(loaded().labels) == 9
    assert not caplog.text


def test_images_in_a_folder_of_their_own_are_named_in_the_message(loaded: Loader, birds: Path) -> None:
    (birds / NAMES[0] / "imgs").mkdir()
    for i in range(3):
        (birds / NAMES[0] / f"{i}.png").rename(birds / NAMES[0] / "imgs" / f"{i}.png")
    with pytest.raises(InputError, match=r"no image in it, but 1 other: Barn_Swallow/imgs/ \(a folder with 3 images\)"):
        loaded()


@pytest.mark.parametrize(("typed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_classes_and_images_are_found_in_another_normal_form(
    birds: Path, tmp_path: Path, typed: str, stored: str
) -> None:
    name, image = "Zébre_à_crinière", "été.png"
    folder = birds / unicodedata.normalize(stored, name)
    (birds / NAMES[0]).rename(folder)
    (folder / "1.png").rename(folder / unicodedata.normalize(stored, image))
    asked = unicodedata.normalize(typed, name)
    split = {
        "seen": [asked, NAMES[1]],
        "unseen": [NAMES[2]],
        "val": [unicodedata.normalize(stored, name)],
        "train": [f"{asked}/{unicodedata.normalize(typed, image)}", f"{NAMES[1]}/0.png"],
        "test": [f"{asked}/0.png"],
    }
    (tmp_path / "split.json").write_text(json.dumps(split))
    data = load(birds, tmp_path / "split.json", backbone=MeanColour(), cache=tmp_path / "cache")
    assert data.features[data.splits.trainval].tolist() == [[0, 1, 7], [1, 0, 7]]
    assert data.labels[data.splits.val].tolist() == [0]


def test_the_division_does_not_depend_on_the_normal_form_of_a_disk(birds: Path, tmp_path: Path) -> None:
    """A folder copied from macOS to Linux has the same training images."""
    for i in range(12):
        paint(birds / NAMES[0] / f"é{i}.png", 0, 10 + i)
    (tmp_path / "split.json").write_text(json.dumps({"seen": NAMES[:2], "unseen": NAMES[2:], "test_fraction": 0.5}))

    def tested() -> set[tuple[float, ...]]:
        data = load(birds, tmp_path / "split.json", backbone=MeanColour(), cache=tmp_path / "cache")
        return {tuple(row) for row in data.features[data.splits.test_seen].tolist()}

    before = tested()
    for path in list((birds / NAMES[0]).glob("é*")):
        path.rename(path.with_name(unicodedata.normalize("NFD", path.name)))
    assert tested() == before


def test_grey_maps_of_16_bits_are_read(tmp_path: Path) -> None:
    values = np.array([[0, 255, 256], [4096, 40_000, 65_535]], dtype=np.uint16)
    (tmp_path / "g16.pgm").write_bytes(b"P5\n3 2\n65535\n" + values.astype(">u2").tobytes())
    Image.fromarray(values).save(tmp_path / "g16.png")
    for name in ("g16.pgm", "g16.png"):
        assert np.array_equal(np.asarray(decode(tmp_path / name))[..., 0], values >> 8)


def test_an_image_is_upright_and_of_the_format_that_it_is(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", "PNG", exif=exif)
    decoded = decode(tmp_path / "turned.jpg")
    assert decoded.size == (6, 4)
    assert decoded.mode == "RGB"
    assert np.array_equal(decoded, ImageOps.exif_transpose(Image.open(tmp_path / "turned.jpg")))


def test_libraries_say_nothing_while_images_are_read(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    palette = Image.new("P", (4, 4))
    palette.info["transparency"] = bytes(range(16))
    palette.save(tmp_path / "palette.png", transparency=bytes(range(16)))
    side = 9500
    Image.new("1", (side, side)).save(tmp_path / "large.png")  # beyond the size from which Pillow warns
    assert decode(tmp_path / "palette.png").mode == "RGB"
    assert decode(tmp_path / "large.png").size == (side, side)
    assert not recwarn.list


@pytest.mark.parametrize("head", [b"2 3\n", b""])
def test_word_vectors_with_a_byte_order_mark(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "vectors.txt").write_bytes(b"\xef\xbb\xbf" + head + b"albatross 1 2 3\nwren 4 5 6\n")
    table = read(tmp_path / "vectors.txt")
    assert table.words == ["albatross", "wren"]
    assert table.vectors.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_split_files_without_names_are_given_some(tmp_path: Path) -> None:
    of_features, splits = content()
    splits.pop("allclasses_names")
    root = write(tmp_path / "toy", of_features, splits)
    nameless = load_pair(name="toy", root=root, cache=tmp_path / "cache")
    with pytest.raises(
        InputError, match=r"no class names, only placeholders such as 'class 1'.*data\.class_names=FILE"
    ):
        nameless.classes.readable_names()
    names = [f"Zébre {i}" for i in range(6)]
    (tmp_path / "names.txt").write_text("\ufeff" + "\n".join(names) + "\n")
    named = load_pair(name="toy", root=root, cache=tmp_path / "cache", class_names=tmp_path / "names.txt")
    assert named.classes.readable_names() == tuple(names)
    assert named.fingerprints == nameless.fingerprints


def test_placeholders_are_no_names_for_any_embedding_that_reads_them(tmp_path: Path) -> None:
    from zsl.class_embeddings.sentence import Sentence

    classes = ClassDescriptions(("class 1", "class 2"), texts={"keywords": ("a", "b")})
    with pytest.raises(InputError, match="no class names"):
        Sentence(template="a photo of {name}").texts(classes)
    assert Sentence(template="{keywords}").texts(classes) == ["a", "b"]


@pytest.fixture
def cases(data_root: Path) -> Path:
    """Small inputs that failed once: the folder ``cases`` beside that of the real data."""
    folder = data_root.parent / "cases"
    if not (folder / "birds").is_dir():
        pytest.skip(f"no inputs at {folder}")
    return folder


@pytest.mark.parametrize(("folder", "split"), [("suffixes", "std"), ("appledouble", "std"), ("nfd", "nfd")])
def test_shared_image_folders_are_read_whole(cases: Path, tmp_path: Path, folder: str, split: str) -> None:
    data = load(cases / folder, cases / f"{split}.json", backbone=MeanColour(), cache=tmp_path)
    assert len(data.labels) == 25
    backbone, pretraining = data.card.notes
    assert backbone.startswith(BACKBONE)
    assert pretraining.startswith(PREFIX)


def test_other_shared_inputs(cases: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"imgs/ \(a folder with 5 images\)"):
        load(cases / "nested", cases / "std.json", backbone=MeanColour(), cache=tmp_path)
    assert decode(cases / "formats" / "g16.pgm").mode == "RGB"
    split: dict[str, Any] = json.loads((cases / "birds.json").read_text())
    names = (*split["seen"], *split["unseen"])
    expected = read_attributes(cases / "csv" / "ok.csv", names)["original_att"]
    for name in ("OK_UPPER.CSV", "semicolon.csv", "spaces_names.csv"):
        assert np.array_equal(read_attributes(cases / "csv" / name, names)["original_att"], expected)
    marked = [read(cases / "vectors" / name) for name in ("bom_header.vec", "bom_noheader.txt")]
    assert marked[0].words == marked[1].words
    assert marked[0].vectors.shape == (43, 8)
    flowers = load_pair(name="flo", root=cases / "FLO_synthetic", cache=tmp_path)
    with pytest.raises(InputError, match="no class names"):
        flowers.classes.readable_names()


def test_others_may_read_a_cache_if_the_umask_lets_them(loaded: Loader, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        loaded()
    finally:
        os.umask(before)
    kept = [path for path in (tmp_path / "cache").rglob("*") if not path.name.endswith(".lock")]
    assert kept
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == (0o750 if path.is_dir() else 0o640)
