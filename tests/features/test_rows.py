"""Cached features: computed once, stored atomically, and never those of another picture."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float32, Float64
from numpy import ndarray as Array
from PIL import Image

from tests.backbones.mean_colour import MeanColour
from zsl.errors import InputError
from zsl.features import rows as feature_rows
from zsl.features.rows import FeatureRows, Picture
from zsl.features.shard import read
from zsl.progress import progress


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


def test_forward_passes_are_full(tmp_path: Path) -> None:
    counts = []

    class OfPasses(MeanColour):
        pass_size = 48

        def encode(self, pixels: Sequence[Float64[Array, "3"]]) -> Float32[Array, "n 3"]:
            counts.append(len(pixels))
            return super().encode(pixels)

    values = list(range(200))
    assert np.array_equal(FeatureRows(tmp_path, OfPasses())([picture(v) for v in values]), expected(values))
    assert counts == [96, 96, 8]


def test_backbones_and_transforms_do_not_share_rows(tmp_path: Path) -> None:
    FeatureRows(tmp_path, MeanColour())([picture(1)])
    other = MeanColour(transform="another")
    FeatureRows(tmp_path, other)([picture(1)])
    assert other.count == 1


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_shard_is_noticed_and_made_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    FeatureRows(tmp_path, MeanColour())([picture(1), picture(2)])
    backbone = MeanColour()
    rows = FeatureRows(tmp_path, backbone)
    (file,) = rows.folder.glob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes({"flip": bytes(content), "truncate": bytes(content[:-3]), "empty": b""}[damage])
    assert np.array_equal(rows([picture(1), picture(2)]), expected([1, 2]))
    assert backbone.count == 2
    assert "damaged" in caplog.text
    again = MeanColour()
    FeatureRows(tmp_path, again)([picture(1), picture(2)])
    assert again.count == 0


def test_nothing_half_written_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    rows = FeatureRows(tmp_path, MeanColour())
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="No space left"):
        rows([picture(1)])
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] in ([], [".lock"])


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=9), min_size=1, max_size=8), st.integers(1, 6))
def test_small_shards_are_merged(
    tmp_path_factory: pytest.TempPathFactory, requests: list[list[int]], full: int
) -> None:
    """However rows are asked for, at most one shard is not full, and no row is stored twice."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(feature_rows, "FULL", full)
        for values in requests:
            FeatureRows(folder, MeanColour())([picture(v) for v in values])
            rows = FeatureRows(folder, MeanColour())
            sizes = [len(read(path).features) for path in rows.folder.glob("*.safetensors")]
            assert sum(size < full for size in sizes) <= 1
            assert max(sizes) <= full
        everything = {v for values in requests for v in values}
        assert sum(sizes) == len(everything)
        idle = MeanColour(stop_after=0)
        assert np.array_equal(FeatureRows(folder, idle)([picture(v) for v in everything]), expected(list(everything)))


def test_processes_that_store_at_once_lose_nothing(tmp_path: Path) -> None:
    """Two caches are open on one folder, and the shards of one are merged by the other."""
    one, other = (FeatureRows(tmp_path, MeanColour()) for _ in range(2))
    for i in range(0, 20, 2):
        assert np.array_equal(one([picture(i)]), expected([i]))
        assert np.array_equal(other([picture(i + 1), picture(0)]), expected([i + 1, 0]))
    idle = MeanColour(stop_after=0)
    assert np.array_equal(FeatureRows(tmp_path, idle)([picture(i) for i in range(20)]), expected(list(range(20))))


def test_a_cache_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(InputError, match="ZSL_CACHE") as caught:
        FeatureRows(tmp_path / "cache", MeanColour())([picture(1)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("nowhere"), Path.touch])
def test_what_is_no_shard_is_removed(tmp_path: Path, put: Callable[[Path], object]) -> None:
    rows = FeatureRows(tmp_path, MeanColour())
    rows.folder.mkdir(parents=True)
    put(rows.folder / "0.safetensors")
    assert rows.stored(picture(3).digest) is None
    rows([picture(3)])
    stored = rows.stored(picture(3).digest)
    assert stored is not None
    assert stored.tolist() == [3, 0, 252]
    assert len(list(rows.folder.glob("*.safetensors"))) == 1


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    rows = FeatureRows(tmp_path, MeanColour())
    rows.folder.mkdir(parents=True)
    left = rows.folder / f".0.safetensors.{'0' * 32}"
    left.write_bytes(b"half")
    rows([picture(1)])
    assert not left.exists()


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
