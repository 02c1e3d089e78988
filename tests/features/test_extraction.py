"""Extraction: every image once, whatever interrupts it, and the same bytes as without an interruption."""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock, Timeout
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backbones.mean_colour import MeanColour
from tests.features import pictures
from tests.features.pictures import png
from zsl.config.extraction import ExtractSettings
from zsl.errors import InputError
from zsl.features import extraction as extracting
from zsl.features.decoding import decoded
from zsl.features.extraction import Extraction
from zsl.features.store import MANIFEST, FeatureStore, shard_file
from zsl.files.atomic import locked
from zsl.progress import progress
from zsl.runs import extraction as running
from zsl.runs.extraction import extract

FILES = {f"{name}/{i}.png": png(10 * label + i) for label, name in enumerate(("ant", "bee", "cow")) for i in range(3)}


def run(
    images: Path, folder: Path, backbone: MeanColour | None = None, rows: int = 4, skip: bool = False
) -> FeatureStore:
    extraction = Extraction(str(images), folder, backbone or MeanColour(), rows, skip, workers=2)
    return extract(ExtractSettings(extraction, "local", 2, {}))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return pictures.folder(tmp_path / "images", FILES)


def test_rows_are_those_of_the_images(images: Path, tmp_path: Path) -> None:
    store = run(images, tmp_path / "store")
    assert list(store.names) == sorted(FILES)
    assert [store.classes[label] for label in store.labels] == [name.partition("/")[0] for name in sorted(FILES)]
    assert store.digests == [hashlib.sha256(FILES[name]).hexdigest() for name in sorted(FILES)]
    expected = MeanColour()([decoded(FILES[name]) for name in sorted(FILES)])
    np.testing.assert_array_equal(np.asarray(store.features), expected)
    assert store.backbone == {"name": "mean colour", "transform": "none", "pretraining": "nothing", "labels": []}
    assert len(store.features.blocks) == 3


def test_a_log_file_tells_images_rate_and_remaining_time(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Images that were extracted before do not count for the rate."""
    monkeypatch.setattr(extracting, "CHUNK", 1)
    with pytest.raises(KeyboardInterrupt):
        run(images, tmp_path / "store", MeanColour(stop_after=4))
    times = itertools.count(0, 20)
    monkeypatch.setattr(progress, "clock", lambda: float(next(times)))
    run(images, tmp_path / "store")
    assert [line for line in capfd.readouterr().err.splitlines() if line.startswith("extracting")] == [
        "extracting: 5 of 9 images, 3.0/min, 0:01:20 left",
        "extracting: 7 of 9 images, 3.0/min, 0:00:40 left",
        "extracting: 9 of 9 images, 3.0/min",
    ]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 10), st.integers(1, 3), st.lists(st.integers(0, 8), max_size=3))
def test_interruptions_change_no_byte(
    tmp_path_factory: pytest.TempPathFactory, rows: int, chunk: int, stops: Sequence[int]
) -> None:
    root = tmp_path_factory.mktemp("root")
    images = pictures.folder(root / "images", FILES)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(extracting, "CHUNK", chunk)
        run(images, root / "whole", rows=rows)
        for stop in stops:
            if not (root / "store" / MANIFEST).exists():
                stopped = MeanColour(stop_after=stop)
                try:
                    run(images, root / "store", stopped, rows)
                except KeyboardInterrupt:
                    assert stopped.count >= stop
        run(images, root / "store", rows=rows)
    assert files(root / "store") == files(root / "whole")


def test_forward_passes_are_full_and_change_no_byte(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []

    class OfPasses(MeanColour):
        pass_size = 3

        def encode(self, pixels: Any) -> Any:
            counts.append(len(pixels))
            return super().encode(pixels)

    monkeypatch.setattr(extracting, "CHUNK", 2)
    run(images, tmp_path / "store", OfPasses(), rows=7)
    assert counts == [3, 3, 1, 2], "the shards have 7 and 2 images"
    run(images, tmp_path / "other", rows=7)
    assert files(tmp_path / "store") == files(tmp_path / "other")


def test_what_is_finished_is_not_extracted_again(images: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(images, tmp_path / "store", MeanColour(stop_after=5))  # the shards have 4, 4 and 1 images
    second, third = MeanColour(), MeanColour(stop_after=0)
    run(images, tmp_path / "store", second)
    assert second.count == 1
    run(images, tmp_path / "store", third)
    assert third.count == 0


def test_an_image_with_other_content_is_extracted_again(images: Path, tmp_path: Path) -> None:
    before = run(images, tmp_path / "store")
    (images / "bee" / "1.png").write_bytes(png(99))
    backbone = MeanColour()
    after = run(images, tmp_path / "store", backbone)
    assert backbone.count == 4
    changed = np.flatnonzero((np.asarray(before.features) != np.asarray(after.features)).any(axis=1))
    assert changed.tolist() == [4]
    run(images, tmp_path / "fresh")
    assert files(tmp_path / "store") == files(tmp_path / "fresh")


def test_a_damaged_shard_is_extracted_again(images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(images, tmp_path / "store")
    whole, path = files(tmp_path / "store"), tmp_path / "store" / shard_file(1)
    for spoiled in (path.read_bytes()[:-1] + b"\x7f", b"", path.with_name(shard_file(0)).read_bytes()):
        path.write_bytes(spoiled)
        backbone = MeanColour()
        run(images, tmp_path / "store", backbone)
        assert backbone.count == 4
        assert files(tmp_path / "store") == whole
    assert "extracted again" in caplog.text


@pytest.mark.parametrize("change", ["backbone", "images", "rows"])
def test_a_store_of_something_else_is_left_alone(images: Path, tmp_path: Path, change: str) -> None:
    run(images, tmp_path / "store")
    before = files(tmp_path / "store")
    if change == "images":
        (images / "ant" / "new.png").write_bytes(png(1))
    other: dict[str, Any] = {"backbone": {"backbone": MeanColour("another")}, "images": {}, "rows": {"rows": 5}}
    with pytest.raises(InputError, match="give a new folder"):
        run(images, tmp_path / "store", **other[change])
    assert files(tmp_path / "store") == before


def test_a_folder_of_other_files_is_left_alone(images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds other files"):
        run(images, images)
    assert sorted(path.name for path in images.iterdir()) == ["ant", "bee", "cow"]


def test_broken_images_are_all_named_and_cost_their_shards_alone(
    images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = FILES["bee/1.png"]
    (images / "bee" / "1.png").write_bytes(whole[:60])
    (images / "cow" / "2.png").write_bytes(b"")
    first, second, third = MeanColour(), MeanColour(), MeanColour()
    with pytest.raises(InputError, match=r"2 unreadable: bee/1.png cannot be decoded.*; cow/2.png is empty") as caught:
        run(images, tmp_path / "store", first)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store" / MANIFEST).exists()
    assert "bee/1.png" in caplog.text
    skipped = run(images, tmp_path / "store", second, skip=True)
    assert (first.count, second.count) == (7, 4), "the shard without broken images was kept; a blank one gives a width"
    assert list(skipped.names) == [name for name in sorted(FILES) if name not in ("bee/1.png", "cow/2.png")]
    assert set(skipped.left_out) == {"bee/1.png", "cow/2.png"}
    assert "is empty" in skipped.left_out["cow/2.png"]
    (images / "bee" / "1.png").write_bytes(whole)
    (images / "cow" / "2.png").write_bytes(FILES["cow/2.png"])
    run(images, tmp_path / "store", third)
    assert third.count == 5
    run(images, tmp_path / "fresh")
    assert files(tmp_path / "store") == files(tmp_path / "fresh")


def test_a_shard_without_any_image_is_empty_and_a_store_without_any_is_refused(images: Path, tmp_path: Path) -> None:
    for i in range(3):
        (images / "ant" / f"{i}.png").write_bytes(b"")
    store = run(images, tmp_path / "store", rows=3, skip=True)
    assert [len(block) for block in store.features.blocks] == [0, 3, 3]
    for name in ("bee", "cow"):
        for i in range(3):
            (images / name / f"{i}.png").write_bytes(b"")
    with pytest.raises(InputError, match="none of 9 images can be decoded"):
        run(images, tmp_path / "other", skip=True)


def test_two_extractions_do_not_write_to_one_store(images: Path, tmp_path: Path) -> None:
    class Nested(MeanColour):
        def encode(self, pixels: Any) -> Any:
            with pytest.raises(InputError, match="another process is extracting"):
                run(images, tmp_path / "store")
            return super().encode(pixels)

    run(images, tmp_path / "store", Nested())


def test_who_waits_for_the_end_of_an_extraction_waits_for_the_next_one_too(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process begins at the very moment at which the first ends, and a third one after that."""
    second: list[FileLock] = []

    class Released(FileLock):
        def release(self, force: bool = False) -> None:
            super().release(force)
            if not second:
                second.append(FileLock(self.lock_file))
                second[0].acquire(blocking=False)

    monkeypatch.setattr(running, "FileLock", Released)
    run(images, tmp_path / "store")
    with pytest.raises(Timeout):
        FileLock(tmp_path / "store" / ".lock").acquire(blocking=False)
    second[0].release()


def test_a_file_that_a_job_of_an_earlier_launch_is_writing_stays(images: Path, tmp_path: Path) -> None:
    run(images, tmp_path / "store")
    written, left = (tmp_path / "store" / f".{shard_file(0)}.{digit * 32}" for digit in "01")
    left.write_bytes(b"half")
    with written.open("xb") as file:
        assert locked(file)
        run(images, tmp_path / "store")
        assert written.exists()
    assert not left.exists()
    run(images, tmp_path / "store")
    assert not written.exists()


def test_how_many_are_there_already_is_said(images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(images, tmp_path / "store", MeanColour(stop_after=5))
    with caplog.at_level(logging.INFO):
        run(images, tmp_path / "store")
    assert "8 of 9 images are there already" in caplog.text
