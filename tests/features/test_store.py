"""The feature store: what was written is opened as one matrix, and any other content is refused in one line."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.data.fingerprint import sha256
from zsl.errors import InputError
from zsl.features.shard import ShardError, packed, read
from zsl.features.store import MANIFEST, FeatureStore, finish, open_store, shard_file
from zsl.files.self_checksum import SELF, digest_of

BACKBONE = {"name": "mean colour", "transform": "none"}


def digests(names: list[str]) -> list[str]:
    return [hashlib.sha256(name.encode()).hexdigest() for name in names]


def written(folder: Path, counts: list[int], width: int = 3) -> tuple[FeatureStore, np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(0).normal(size=(sum(counts), width)).astype(np.float32)
    names = [f"{'ab'[i % 2]}/{i}.png" for i in range(len(x))]
    start = 0
    for number, count in enumerate(counts):
        rows = slice(start, start + count)
        (folder / shard_file(number)).write_bytes(packed(x[rows], digests(names[rows]), {}))
        start += count
    labels = [None if i == 1 else name[0] for i, name in enumerate(names)]
    return finish(folder, len(counts), names, labels, BACKBONE, {"c.png": "is empty"}), x


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(sum), st.integers(1, 7))
def test_what_was_written_is_opened(tmp_path_factory: pytest.TempPathFactory, counts: list[int], width: int) -> None:
    folder = tmp_path_factory.mktemp("store")
    store, x = written(folder, counts, width)
    assert store.features.shape == x.shape
    np.testing.assert_array_equal(store.features[:], x)
    assert store.sha256 == sha256(x)
    assert store.digests == digests(list(store.names))
    assert [store.classes[label] if label >= 0 else None for label in store.labels] == [
        None if i == 1 else "ab"[i % 2] for i in range(len(x))
    ]
    assert (store.backbone, store.left_out) == (BACKBONE, {"c.png": "is empty"})
    assert not any(block.flags.writeable for block in store.features.blocks)


@given(st.integers(0, 4), st.integers(1, 4))
def test_equal_rows_are_equal_bytes(n: int, width: int) -> None:
    x, facts = np.ones((n, width), np.float32), {"b": 1, "a": {"d": [1], "c": None}}
    same = {"a": {"c": None, "d": [1]}, "b": 1}
    assert packed(x, digests(["x"] * n), facts) == packed(x.copy(), digests(["x"] * n), same)


def test_rows_are_mapped_and_not_read(tmp_path: Path) -> None:
    """Resident memory grows by what is touched alone."""
    path = tmp_path / shard_file(0)
    n = 20_000
    path.write_bytes(packed(np.ones((n, 1024), np.float32), digests(["x"]) * n, {}))
    pages = Path("/proc/self/statm")
    if not pages.is_file():
        pytest.skip("no /proc: memory is measured on Linux alone")
    found = read(path)
    before = int(pages.read_text().split()[1])
    assert found.features[::5000].sum() == 4 * 1024
    grown = (int(pages.read_text().split()[1]) - before) * os.sysconf("SC_PAGE_SIZE")
    assert grown < 20e6 < found.features.nbytes
    assert found.is_intact


Damage = Callable[[Path], object]


def edited(change: Callable[[dict[str, Any]], object]) -> Damage:
    def edit(path: Path) -> None:
        content = json.loads((path.parent / MANIFEST).read_text())
        change(content)
        content[SELF] = digest_of(content)
        (path.parent / MANIFEST).write_text(json.dumps(content) + "\n")

    return edit


def altered(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest and leave its checksum."""
    content = json.loads((path.parent / MANIFEST).read_text())
    change(content)
    (path.parent / MANIFEST).write_text(json.dumps(content) + "\n")


def test_a_store_without_a_checksum_of_its_manifest_is_opened(tmp_path: Path) -> None:
    store, _ = written(tmp_path / "store", [3, 2])
    altered(tmp_path / "store" / shard_file(0), lambda it: it.pop(SELF))
    assert open_store(tmp_path / "store").names == store.names


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def replaced(put: Damage) -> Damage:
    def replace(path: Path) -> None:
        path.unlink()
        put(path)

    return replace


DAMAGES: dict[str, Damage] = {
    "flipped": flipped,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "empty": lambda path: path.write_bytes(b""),
    "absent": Path.unlink,
    "a pipe": replaced(os.mkfifo),
    "endless": replaced(lambda path: path.symlink_to("/dev/zero")),
    "a folder": replaced(Path.mkdir),
    "another shard": lambda path: shutil.copy(path.with_name(shard_file(0)), path),
    "no manifest": lambda path: (path.parent / MANIFEST).unlink(),
    "a list": lambda path: (path.parent / MANIFEST).write_text("[]\n"),
    "cut manifest": lambda path: (path.parent / MANIFEST).write_text('{"format": "zsl features"'),
    "a name too few": edited(lambda it: it["names"].pop()),
    "a label of no class": edited(lambda it: it["labels"].__setitem__(0, 2)),
    "a negative label": edited(lambda it: it["labels"].__setitem__(0, -1)),
    "a shard elsewhere": edited(lambda it: it["shards"][0].update(file="../00000.safetensors")),
    "other rows": edited(lambda it: it["shards"][0].update(rows=1)),
    "no shards": edited(lambda it: it.update(shards=[])),
    "another shape": edited(lambda it: it.update(shape=[5, 10**15])),
    "another version": edited(lambda it: it.update(version=2)),
    "an image twice": edited(lambda it: it["names"].__setitem__(0, it["names"][1])),
    "labels of other images": lambda path: altered(path, lambda it: it["labels"].reverse()),
    "other classes": lambda path: altered(path, lambda it: it["classes"].reverse()),
    "another checksum of all": lambda path: altered(path, lambda it: it.update(sha256="0" * 64)),
    "no backbone": edited(lambda it: it["backbone"].pop("name")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_any_other_content_is_refused_in_one_line(tmp_path: Path, damage: Damage) -> None:
    written(tmp_path / "store", [3, 2])
    damage(tmp_path / "store" / shard_file(1))
    with pytest.raises(InputError, match="store") as caught:
        open_store(tmp_path / "store")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arrays",
    [
        {"features": np.zeros((2, 3), np.float64), "digests": np.zeros((2, 32), np.uint8)},
        {"features": np.zeros((2, 3), np.float32), "digests": np.zeros((1, 32), np.uint8)},
        {"features": np.zeros(2, np.float32), "digests": np.zeros((2, 32), np.uint8)},
        {"features": np.zeros((2, 3), np.float32)},
    ],
)
@pytest.mark.parametrize("metadata", [None, {"zsl": "[]"}, {"zsl": "{"}, {"zsl": '{"facts": {}, "sha256": "0"}'}])
def test_other_safetensors_files_are_no_shards(
    tmp_path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str] | None
) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, tmp_path / "x.safetensors", metadata)
    with pytest.raises(ShardError):
        read(tmp_path / "x.safetensors")
