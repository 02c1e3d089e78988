"""Stored feature rows: computed once, written atomically, and never those of another picture."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float32
from numpy import ndarray as Array
from PIL import Image

from zsl.errors import InputError
from zsl.features import rows as feature_rows
from zsl.features.rows import FeatureRows, Picture, write
from zsl.progress import progress


class MeanColour:
    """θ(x) = the mean colour; counts the images it is given and can be made to stop."""

    name = "mean colour"

    def __init__(self, transform: str = "none", stop_after: int | None = None) -> None:
        self.transform = transform
        self.stop_after = stop_after
        self.count = 0

    def __call__(self, images: list[Image.Image]) -> Float32[Array, "n 3"]:
        if self.stop_after is not None and self.count >= self.stop_after:
            raise KeyboardInterrupt
        self.count += len(images)
        return np.array([np.asarray(image).mean((0, 1)) for image in images], dtype=np.float32)


def picture(value: int) -> Picture:
    digest = hashlib.sha256(bytes([value])).hexdigest()
    return Picture(digest, lambda: Image.new("RGB", (2, 2), (value, 0, 255 - value)))


def expected(values: list[int]) -> Float32[Array, "n 3"]:
    return np.array([[v, 0, 255 - v] for v in values], dtype=np.float32)


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=9), min_size=1, max_size=4))
def test_rows_follow_the_pictures_and_each_picture_is_encoded_once(
    tmp_path_factory: pytest.TempPathFactory, requests: list[list[int]]
) -> None:
    backbone = MeanColour()
    rows = FeatureRows(tmp_path_factory.mktemp("cache"), backbone)
    for values in requests:
        assert np.array_equal(rows([picture(v) for v in values]), expected(values))
    assert backbone.count == len({v for values in requests for v in values})


def test_an_interrupted_extraction_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_rows, "CHUNK", 2)
    values = list(range(7))
    with pytest.raises(KeyboardInterrupt):
        FeatureRows(tmp_path, MeanColour(stop_after=4))([picture(v) for v in values])
    second = MeanColour()
    assert np.array_equal(FeatureRows(tmp_path, second)([picture(v) for v in values]), expected(values))
    assert second.count == 3


def test_backbones_and_transforms_do_not_share_rows(tmp_path: Path) -> None:
    FeatureRows(tmp_path, MeanColour())([picture(1)])
    other = MeanColour(transform="another")
    FeatureRows(tmp_path, other)([picture(1)])
    assert other.count == 1


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_row_is_noticed_and_made_again(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    backbone = MeanColour()
    rows = FeatureRows(tmp_path, backbone)
    rows([picture(1), picture(2)])
    file = next(path for path in rows.folder.rglob("*") if path.is_file())
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes({"flip": bytes(content), "truncate": bytes(content[:-3]), "empty": b""}[damage])
    assert np.array_equal(rows([picture(1), picture(2)]), expected([1, 2]))
    assert backbone.count == 3
    assert "damaged" in caplog.text


def test_nothing_half_written_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError, match="No space left"):
        write(tmp_path / "deep" / "file", b"content")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_cache_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(InputError, match="ZSL_CACHE") as caught:
        FeatureRows(tmp_path / "cache", MeanColour())([picture(1)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("nowhere"), Path.touch])
def test_what_lies_in_the_place_of_a_row_is_replaced(tmp_path: Path, put: Callable[[Path], object]) -> None:
    rows = FeatureRows(tmp_path, MeanColour())
    digest = picture(3).digest
    place = rows.folder / digest[:2] / digest[2:]
    place.parent.mkdir(parents=True)
    put(place)
    assert rows.stored(digest) is None
    rows([picture(3)])
    stored = rows.stored(digest)
    assert stored is not None
    assert stored.tolist() == [3, 0, 252]


def test_what_a_killed_process_left_is_removed_once_nobody_can_be_writing_it(tmp_path: Path) -> None:
    rows = FeatureRows(tmp_path, MeanColour())
    old, new = (rows.folder / "ab" / name for name in (".old", ".new"))
    old.parent.mkdir(parents=True)
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    rows([picture(1)])
    assert not old.exists()
    assert new.exists()


def test_large_images_do_not_wait_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Noting(MeanColour):
        def __call__(self, images: list[Image.Image]) -> Float32[Array, "n 3"]:
            sizes.append(len(images))
            return super().__call__(images)

    monkeypatch.setattr(feature_rows, "PIXELS", 10)  # images here have four
    values = list(range(8))
    assert np.array_equal(FeatureRows(tmp_path, Noting())([picture(v) for v in values]), expected(values))
    assert sizes == [3, 3, 2]


def test_a_log_file_tells_images_rate_and_remaining_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rows, times = FeatureRows(tmp_path, MeanColour()), itertools.count(0, 4)
    monkeypatch.setattr(progress, "clock", lambda: float(next(times)))
    rows([picture(value) for value in range(20)], "drawings")
    assert capfd.readouterr().err.splitlines() == [
        "drawings: 3 of 20 images, 15.0/min, 0:01:08 left",
        "drawings: 11 of 20 images, 15.0/min, 0:00:36 left",
        "drawings: 19 of 20 images, 15.0/min, 0:00:04 left",
    ]
    rows([picture(value) for value in range(20)], "drawings")
    assert not capfd.readouterr().err
