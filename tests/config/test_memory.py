"""The in-memory cache of loaded data: its size is bounded, and its keys change when a file changes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from zsl.config.memory import RecentlyUsed, file_state_key


def test_the_most_recently_used_values_are_kept() -> None:
    recent: RecentlyUsed[object] = RecentlyUsed(2)
    first, second = recent.get("a", object), recent.get("b", object)
    assert recent.get("a", object) is first
    third = recent.get("c", object)
    assert recent.get("a", object) is first
    assert recent.get("c", object) is third
    assert recent.get("b", object) is not second


def test_a_value_that_is_no_longer_good_is_made_again() -> None:
    recent: RecentlyUsed[list[int]] = RecentlyUsed(2)
    recent.get("a", list).append(1)
    assert recent.get("a", list) == [1]
    assert recent.get("a", list, lambda made: not made) == []


@pytest.mark.parametrize("named", ["as a path", "below root", "in a folder", "in a linked folder"])
def test_a_file_that_changes_is_noticed(tmp_path: Path, named: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "there").symlink_to(folder)
    (folder / "around").symlink_to(folder)
    (folder / "broken").symlink_to(folder / "nowhere")
    file = folder / "phi.npy"
    file.write_text("1")
    nodes = {
        "as a path": {"class_embedding": {"parts": [{"path": str(file)}]}},
        "below root": {"data": {"root": str(folder), "features": "phi.npy"}},
        "in a folder": {"data": {"root": str(folder)}},
        "in a linked folder": {"data": {"root": str(tmp_path / "links")}},
    }[named]
    before = file_state_key(nodes)
    assert file_state_key(nodes) == before
    os.utime(file, (1, 1))
    touched = file_state_key(nodes)
    assert touched != before
    file.unlink()
    assert file_state_key(nodes) not in (before, touched)


@pytest.mark.parametrize("way", ["rewritten", "renamed"])
def test_another_file_of_the_same_size_and_time_is_noticed(tmp_path: Path, way: str) -> None:
    file, fresh = tmp_path / "phi.npy", tmp_path / "fresh"
    file.write_text("1")
    node, stat = {"class_embedding": {"path": str(file)}}, file.stat()
    before = file_state_key(node)
    time.sleep(0.02)  # more than a tick of the clock of a file system
    if way == "rewritten":
        file.write_text("2")
    else:
        fresh.write_text("2")
        fresh.replace(file)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.stat().st_mtime_ns == stat.st_mtime_ns
    assert file_state_key(node) != before


def test_a_text_that_is_no_path_does_no_harm() -> None:
    for text in ("~nobody/x", "a\0b", "x" * 10_000, "", "{name}, a photo of"):
        assert file_state_key({"class_embedding": {"template": text}})
