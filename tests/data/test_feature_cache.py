"""The cache: built once, and again when its source changed or a bit flipped; whole or absent."""

from __future__ import annotations

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zsl.data.feature_cache import Entry, cached, identity, key_part, verifying
from zsl.errors import InputError


class Builder:
    def __init__(self, value: float = 1.0) -> None:
        self.value, self.calls = value, 0

    def __call__(self) -> Entry:
        self.calls += 1
        return Entry({"x": np.full((3, 4), self.value, np.float32), "y": np.arange(3)}, {"note": "n"})


@settings(max_examples=25)
@given(hnp.arrays(st.sampled_from([np.float32, np.float64, np.int64, np.uint8]), hnp.array_shapes(min_side=0)))
def test_arrays_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    root = tmp_path_factory.mktemp("cache")
    entry = cached(root, "a/b", {}, lambda: Entry({"array": array}, {"k": [1, None]}))
    assert entry.arrays["array"].dtype == array.dtype
    np.testing.assert_array_equal(entry.arrays["array"], array)
    assert entry.meta == {"k": [1, None]}


def test_it_is_built_once_and_mapped(tmp_path: Path) -> None:
    builder = Builder()
    for _ in range(3):
        entry = cached(tmp_path, "k", {"v": 1}, builder)
    assert builder.calls == 1
    assert isinstance(entry.arrays["x"], np.memmap)
    assert not entry.arrays["x"].flags.writeable


def test_another_source_makes_it_stale(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cached(tmp_path, "k", {"v": 1}, Builder(1.0))
    with caplog.at_level(logging.WARNING):
        entry = cached(tmp_path, "k", {"v": 2}, Builder(2.0))
    assert entry.arrays["x"][0, 0] == 2.0
    assert "stale" in caplog.text


def test_a_changed_file_is_another_source(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("one")
    before = identity(path)
    path.write_text("two2")
    assert identity(path) != before


@pytest.mark.parametrize("offset", [0, 40, 130, 150, -1])
@pytest.mark.parametrize("name", ["x.npy", "entry.json"])
def test_any_flipped_bit_is_noticed(tmp_path: Path, name: str, offset: int, caplog: pytest.LogCaptureFixture) -> None:
    cached(tmp_path, "k", {}, Builder())
    path = tmp_path / "k" / name
    content = bytearray(path.read_bytes())
    content[offset] ^= 4
    path.write_bytes(content)
    builder = Builder()
    with caplog.at_level(logging.WARNING):
        entry = cached(tmp_path, "k", {}, builder)
    assert builder.calls == 1
    assert "damaged" in caplog.text or "stale" in caplog.text
    np.testing.assert_array_equal(entry.arrays["x"], 1.0)


@pytest.mark.parametrize("damage", ["cut", "gone", "pickle", "no record", "not a record"])
def test_other_damage_is_noticed(tmp_path: Path, damage: str) -> None:
    cached(tmp_path, "k", {}, Builder())
    array, record = tmp_path / "k" / "x.npy", tmp_path / "k" / "entry.json"
    if damage == "cut":
        array.write_bytes(array.read_bytes()[:-5])
    elif damage == "gone":
        array.unlink()
    elif damage == "pickle":
        np.save(array, np.array([{}], dtype=object), allow_pickle=True)
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text(json.dumps([1]))
    builder = Builder()
    cached(tmp_path, "k", {}, builder)
    assert builder.calls == 1


def test_a_failed_build_leaves_nothing_and_keeps_what_was(tmp_path: Path) -> None:
    def fail() -> Entry:
        raise InputError("no")

    with pytest.raises(InputError):
        cached(tmp_path, "k", {}, fail)
    assert [p for p in tmp_path.iterdir() if not p.name.endswith(".lock")] == []


def test_what_goes_wrong_while_building_is_not_blamed_on_the_cache(tmp_path: Path) -> None:
    def fail() -> Entry:
        raise OSError(5, "the source broke")

    with pytest.raises(OSError, match="the source broke"):
        cached(tmp_path, "k", {}, fail)
    cached(tmp_path, "k", {}, Builder())  # the lock is free again


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zsl.data.feature_cache.np.save", full)
    with pytest.raises(InputError, match="No space left on device"):
        cached(tmp_path, "k", {}, Builder())
    assert [p for p in tmp_path.iterdir() if not p.name.endswith(".lock")] == []


def test_many_at_once_build_once(tmp_path: Path) -> None:
    builder = Builder()
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda _: cached(tmp_path, "k", {}, builder), range(16)))
    assert builder.calls == 1
    assert all(np.array_equal(entry.arrays["x"], entries[0].arrays["x"]) for entry in entries)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="ZSL_CACHE"):
        cached(tmp_path / "file", "k", {}, Builder())


def test_verifying_builds_nothing(tmp_path: Path) -> None:
    builder = Builder()
    with verifying(), pytest.raises(InputError, match="zsl data prepare"):
        cached(tmp_path, "k", {}, builder)
    cached(tmp_path, "k", {}, builder)
    with verifying():
        cached(tmp_path, "k", {}, builder)
        with pytest.raises(InputError, match="made from other files"):
            cached(tmp_path, "k", {"changed": True}, builder)
        array = min((tmp_path / "k").glob("*.npy"))
        array.write_bytes(array.read_bytes()[:-1] + bytes([array.read_bytes()[-1] ^ 1]))
        with pytest.raises(InputError, match="not whole"):
            cached(tmp_path, "k", {}, builder)
    assert builder.calls == 1


@pytest.mark.parametrize("put", [Path.touch, lambda path: path.symlink_to("nowhere"), os.mkfifo, Path.mkdir])
def test_what_lies_in_the_way_of_an_entry_is_replaced(tmp_path: Path, put: Any) -> None:
    put(tmp_path / "k")
    builder = Builder()
    for _ in range(2):
        np.testing.assert_array_equal(cached(tmp_path, "k", {}, builder).arrays["x"], 1.0)
    assert builder.calls == 1


def test_what_killed_processes_left_is_removed_and_what_others_are_making_is_not(tmp_path: Path) -> None:
    left = [f".k.{'0' * 32}", ".k.abcd_123", f".k.more.{'0' * 32}", ".other.abcd_123"]
    kept = [f".made.{'0' * 32}", ".k.notes", "k.abcdefgh", ".hidden"]
    for name in (*left, *kept):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.npy").write_bytes(b"half")
    with FileLock(tmp_path / ".made.lock"):
        cached(tmp_path, "k", {}, Builder())
    there = {path.name for path in tmp_path.iterdir()}
    assert there.isdisjoint(left)
    assert there.issuperset(kept)


def test_files_and_folders_reach_the_disk_before_the_entry_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised: list[tuple[str, bool]] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synchronised.append((Path(f"/proc/self/fd/{handle}").readlink().name, (tmp_path / "k").exists()))
        fsync(handle)

    monkeypatch.setattr("zsl.data.feature_cache.os.fsync", noted)
    cached(tmp_path, "k", {}, Builder())
    before = {name for name, there in synchronised if not there}
    assert before > {"x.npy", "y.npy", "entry.json"}
    assert any(name.startswith(".k.") for name in before)
    assert synchronised[-1] == (tmp_path.name, True)


@given(st.text(max_size=300))
def test_a_part_of_a_key_is_a_part_of_a_file_name(name: str) -> None:
    part = key_part(name)
    assert "/" not in part
    assert len(part.encode()) <= 80
    assert key_part("res101-hand5_v2.1") == "res101-hand5_v2.1"
