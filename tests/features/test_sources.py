"""Sources give the same images, names and classes, whatever files they lie in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.features import pictures
from tests.features.pictures import png
from zsl.errors import InputError
from zsl.features.sources.opening import open_source
from zsl.features.sources.source import Source

FILES = {f"{name}/{i}.png": png(10 * label + i) for label, name in enumerate(("ant", "bee")) for i in range(4)}
Write = Callable[[Path], Path]
KINDS: dict[str, Write] = {
    "folder": lambda place: pictures.folder(place / "images", FILES),
    "tar": lambda place: pictures.tar(place / "images.tar", FILES),
    "parquet": lambda place: pictures.parquet(place / "images.parquet", FILES),
    "hugging face": lambda place: pictures.saved_to_disk(place / "images", FILES, parts=1),
}


def contents(source: Source) -> dict[str, tuple[str | None, bytes]]:
    assert len(source.names) == len(source.labels)
    return {
        name: (label, source.read(i)) for i, (name, label) in enumerate(zip(source.names, source.labels, strict=True))
    }


EXPECTED = {name: (name.partition("/")[0], content) for name, content in FILES.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_has_the_same_images(tmp_path: Path, kind: str) -> None:
    if kind in ("parquet", "hugging face"):
        pytest.importorskip("pyarrow", reason="pip install 'zsl[arrays]'")
    assert contents(open_source(KINDS[kind](tmp_path))) == EXPECTED


def test_several_files_are_one_after_the_other(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pip install 'zsl[arrays]'")
    halves = [dict(list(FILES.items())[:5]), dict(list(FILES.items())[5:])]
    for number, half in enumerate(halves):
        pictures.tar(tmp_path / "tar" / f"{number}.tar", half)
        pictures.parquet(tmp_path / "parquet" / f"{number}.parquet", half, group=2)
    for kind in ("tar", "parquet"):
        found = contents(open_source(tmp_path / kind))
        assert found == {f"{n}.{kind}/{name}": EXPECTED[name] for n, half in enumerate(halves) for name in half}
    saved = contents(open_source(pictures.saved_to_disk(tmp_path / "saved", FILES, parts=3)))
    assert {name.partition("/")[2]: value for name, value in saved.items()} == EXPECTED
    for split, half in zip(("train", "test"), halves, strict=True):
        pictures.saved_to_disk(tmp_path / "splits" / split, half, parts=1)
    (tmp_path / "splits" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    found = contents(open_source(tmp_path / "splits"))
    assert found == {
        f"{n}/{name}": EXPECTED[name] for n, half in zip(("train", "test"), halves, strict=True) for name in half
    }


def test_shards_of_webdataset_have_their_class_beside_the_image(tmp_path: Path) -> None:
    files = {"0.png": png(0), "0.cls": b"ant\n", "0.json": b"{}", "1.png": png(1), "1.cls": b"3", "2.png": png(2)}
    found = open_source(pictures.tar(tmp_path / "0.tar", files))
    assert dict(zip(found.names, found.labels, strict=True)) == {"0.png": "ant", "1.png": "3", "2.png": None}


def test_a_tar_file_with_a_damaged_heading_is_refused(tmp_path: Path) -> None:
    files = {"0.png": png(0), "0.cls": b"ant\n", "1.png": png(1), "1.cls": b"3"}
    whole = pictures.tar(tmp_path / "0.tar", files).read_bytes()
    heading = whole.index(b"1.cls")
    for damaged in (whole[:heading], whole[: heading + 100], whole[:heading] + b"2" + whole[heading + 1 :]):
        (tmp_path / "1.tar").write_bytes(damaged)
        with pytest.raises(InputError, match=r"1\.tar: cannot be read .*; give a tar file"):
            open_source(tmp_path / "1.tar")


def test_real_datasets_are_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the library itself: pip install datasets")
    pictures.folder(tmp_path / "images", {f"train/{name}": content for name, content in FILES.items()})
    made = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "images"), cache_dir=str(tmp_path / "cache"))
    made["train"].save_to_disk(tmp_path / "saved")
    made.save_to_disk(tmp_path / "splits")
    for path in ("saved", "splits"):
        found = contents(open_source(tmp_path / path))
        assert sorted(found.values()) == sorted(EXPECTED.values()), path


def test_names_that_begin_with_a_dot_and_other_files_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    extra = {
        "ant/.hidden.png": png(1),
        ".git/a.png": png(1),
        "ant/notes.txt": b"x",
        "c.JPG": png(5),
        "d/e/f.heic": b"x",
    }
    (pictures.folder(tmp_path / "images", FILES | extra) / "ant" / "loop").symlink_to(tmp_path)
    found = open_source(tmp_path / "images")
    assert dict(zip(found.names, found.labels, strict=True)) == {
        **{name: label for name, (label, _) in EXPECTED.items()},
        "c.JPG": None,
        "d/e/f.heic": "d",
    }
    assert "ant/notes.txt" in caplog.text


REFUSED: dict[str, tuple[Write, str]] = {
    "nothing": (lambda place: place / "nothing", "no such file or folder"),
    "an empty folder": (lambda place: pictures.folder(place / "empty", {"a.txt": b""}), "no image in it"),
    "a text": (lambda place: pictures.folder(place, {"a.txt": b""}) / "a.txt", "of no known kind"),
    "no tar": (lambda place: pictures.folder(place, {"a.tar": b"x" * 2000}) / "a.tar", "cannot be read"),
    "a name twice": (
        lambda place: pictures.tar(place / "a.tar", {"a.png": png(0), "./a.png": png(1)}),
        "holds 'a.png' twice",
    ),
    "no parquet": (lambda place: pictures.folder(place, {"a.parquet": b"PAR1"}) / "a.parquet", "cannot be read"),
    "no state": (lambda place: pictures.folder(place / "x", {"state.json": b"{"}), "cannot be read"),
    "a state without files": (lambda place: pictures.folder(place / "x", {"state.json": b"{}"}), "cannot be read"),
    "other rows": (
        lambda place: pictures.folder(place / "x", {"state.json": b'{"_indices_files": [1]}'}),
        "flatten_indices",
    ),
    "a split elsewhere": (
        lambda place: pictures.folder(place / "x", {"dataset_dict.json": b'{"splits": ["../y"]}'}),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_holds_no_images_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    write, why = REFUSED[what]
    with pytest.raises(InputError, match=why) as caught:
        open_source(write(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_table_without_images_is_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pip install 'zsl[arrays]'")
    from pyarrow.parquet import write_table

    for columns in ({"a": [1]}, {"image": [1]}, {"image": [{"path": "a.png"}]}):
        write_table(pa.table(columns), tmp_path / "a.parquet")
        with pytest.raises(InputError, match="no column of images"):
            open_source(tmp_path / "a.parquet")
    write_table(
        pa.table({"image": [{"path": "a.png", "bytes": None}, {"path": "b.png", "bytes": b"x"}]}),
        tmp_path / "a.parquet",
    )
    found = open_source(tmp_path / "a.parquet")
    assert found.read(1) == b"x"
    with pytest.raises(OSError, match="not in the table"):
        found.read(0)
