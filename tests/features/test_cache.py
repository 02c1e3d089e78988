"""The cache: entries are built once, rebuilt after a change of the source or a flipped bit, and written atomically."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zsl.errors import InputError
from zsl.features.cache import Entry, by_content, cached, key_part, verifying
from zsl.files import content as file_content


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


def rewritten(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def renamed(path: Path, content: bytes) -> None:
    fresh = path.with_name("fresh")
    fresh.write_bytes(content)
    fresh.replace(path)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat new files as settled, so that their clues are used."""
    monkeypatch.setattr(file_content, "SETTLED", -1)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("replace", [rewritten, renamed])
def test_another_file_of_the_same_size_and_time_makes_it_stale(
    tmp_path: Path, replace: Callable[[Path, bytes], None], caplog: pytest.LogCaptureFixture
) -> None:
    path, middle = tmp_path / "f", 50_000
    content = bytearray(np.random.default_rng(0).bytes(100_000))
    path.write_bytes(content)
    cached(tmp_path, "k", {}, Builder(1.0), [path])
    stat = path.stat()
    time.sleep(0.02)  # more than a tick of the clock of a file system
    content[middle] ^= 1
    replace(path, bytes(content))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    entry = cached(tmp_path, "k", {}, Builder(2.0), [path])
    assert entry.arrays["x"][0, 0] == 2.0
    assert "stale" in caplog.text


@pytest.mark.usefixtures("settled")
def test_a_file_that_was_touched_moved_or_copied_back_is_the_same(tmp_path: Path) -> None:
    path, builder = tmp_path / "f", Builder()
    path.write_bytes(b"content")
    cached(tmp_path, "k", {}, builder, [path])
    before = record(tmp_path)
    renamed(path, b"content")
    os.utime(path, (1, 1))
    path.chmod(0o600)
    cached(tmp_path, "k", {}, builder, [path])
    assert builder.calls == 1
    assert record(tmp_path)["files"] != before["files"], "the clue is that of the file as it is now"
    cached(tmp_path, "k", {}, builder, [path])
    assert builder.calls == 1


def record(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "k" / "entry.json").read_text())
    return found


def deceive(root: Path, path: Path) -> None:
    """Change ``path`` and store its new clue in the entry, so that the clue hides the change."""
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    said = record(root)
    said["files"][str(path)]["clue"] = asdict(file_content.Clue.of(path))
    said.pop("self")
    digest = xxhash.xxh3_128_hexdigest(json.dumps(said, sort_keys=True).encode())
    (root / "k" / "entry.json").write_text(json.dumps(said | {"self": digest}))


@pytest.mark.usefixtures("settled")
def test_where_the_content_is_asked_for_no_clue_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"content")
    cached(tmp_path, "k", {}, Builder(1.0), [path])
    deceive(tmp_path, path)
    assert cached(tmp_path, "k", {}, Builder(2.0), [path]).arrays["x"][0, 0] == 1.0
    with verifying(), pytest.raises(InputError, match="made from other files"):
        cached(tmp_path, "k", {}, Builder(2.0), [path])
    with by_content():
        assert cached(tmp_path, "k", {}, Builder(2.0), [path]).arrays["x"][0, 0] == 2.0


def test_the_clue_of_a_file_that_has_just_changed_is_not_believed(tmp_path: Path) -> None:
    """A file can change again within one clock tick without a new time."""
    path = tmp_path / "f"
    path.write_bytes(b"content")
    cached(tmp_path, "k", {}, Builder(1.0), [path])
    assert record(tmp_path)["files"][str(path)]["clue"] is None


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"content")

    def build() -> Entry:
        path.write_bytes(b"CONTENT")
        return Builder()()

    with pytest.raises(InputError, match=r"changed while it was read; run again"):
        cached(tmp_path / "cache", "k", {}, build, [path])
    assert [p for p in (tmp_path / "cache").iterdir() if not p.name.endswith(".lock")] == []


def test_more_or_fewer_files_are_another_source(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    builder = Builder()
    for files in ([one], [one, other], [other, one], [other]):
        cached(tmp_path, "k", {}, builder, files)
    assert builder.calls == 3


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"content")
    cached(tmp_path, "k", {}, Builder(), [path])
    path.unlink()
    with pytest.raises(InputError, match="No such file"):
        cached(tmp_path, "k", {}, Builder(), [path])


def test_an_entry_that_cannot_be_written_serves_as_it_is(tmp_path: Path) -> None:
    path, builder = tmp_path / "f", Builder()
    path.write_bytes(b"content")
    cached(tmp_path, "k", {}, builder, [path])
    (tmp_path / "k" / ".entry.json").mkdir()  # where the new record would be written
    renamed(path, b"content")
    cached(tmp_path, "k", {}, builder, [path])
    assert builder.calls == 1


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

    monkeypatch.setattr("zsl.features.cache.np.save", full)
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
        with pytest.raises(InputError, match="missing, damaged"):
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

    monkeypatch.setattr("zsl.features.cache.os.fsync", noted)
    cached(tmp_path, "k", {}, Builder())
    before = {name for name, there in synchronised if not there}
    assert before > {"x.npy", "y.npy", "entry.json"}
    assert any(name.startswith(".k.") for name in before)
    assert synchronised[-1] == (tmp_path.name, True)


@pytest.mark.parametrize(("umask", "folder", "file"), [(0o022, 0o755, 0o644), (0o027, 0o750, 0o640)])
def test_the_umask_says_who_may_read_an_entry(tmp_path: Path, umask: int, folder: int, file: int) -> None:
    before = os.umask(umask)
    try:
        cached(tmp_path, "a/k", {}, Builder())
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "a").rglob("*") if path.suffix != ".lock"}
    assert modes == {"k": folder, "entry.json": file, "x.npy": file, "y.npy": file}
    assert (tmp_path / "a").stat().st_mode & 0o777 == folder


@given(st.integers(0, 200_000), st.data())
@settings(max_examples=25)
def test_a_clue_samples_the_content_itself(
    tmp_path_factory: pytest.TempPathFactory, size: int, data: st.DataObject
) -> None:
    """Where a file system keeps neither inodes nor times of change, the sampled blocks tell files apart."""
    path, block = tmp_path_factory.getbasetemp() / "clue", file_content.BLOCK
    content = bytearray(size)
    path.write_bytes(content)
    clue = file_content.Clue.of(path)
    if size:
        last = max(size - block, 0)
        inner = st.integers(0, file_content.BLOCKS - 1).map(lambda number: last * number // (file_content.BLOCKS - 1))
        content[data.draw(inner | st.integers(0, min(size, block) - 1) | st.integers(last, size - 1))] ^= 1
        path.write_bytes(content)
        assert file_content.Clue.of(path).sample != clue.sample
    path.write_bytes(bytes(size))
    assert file_content.Clue.of(path).sample == clue.sample


@given(st.text(max_size=300))
def test_a_part_of_a_key_is_a_part_of_a_file_name(name: str) -> None:
    part = key_part(name)
    assert "/" not in part
    assert len(part.encode()) <= 80
    assert key_part("res101-hand5_v2.1") == "res101-hand5_v2.1"
