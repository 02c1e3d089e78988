"""A file replaced by one of the same size and time is noticed, and no result has the fingerprint of the old file."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash

from tests import worlds
from tests.datasets import matfiles
from tests.described_worlds import Files
from zsl.class_embeddings.sentence import Sentence
from zsl.class_embeddings.word_vectors import WordVectors
from zsl.cli import main
from zsl.data.dataset import ClassDescriptions
from zsl.datasets.xlsa17 import load
from zsl.errors import InputError
from zsl.files import content as file_content
from zsl.files.content import Clue


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make recent files count as old ones, so that their size and times are trusted."""
    monkeypatch.setattr(file_content, "SETTLED", -1)


def exchange(path: Path, content: bytes) -> None:
    """Replace the content of a file and keep size, modification time and inode."""
    stat = path.stat()
    assert len(content) == stat.st_size
    assert content != path.read_bytes()
    time.sleep(0.02)  # more than a tick of the clock of a file system
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (stat.st_mtime_ns, stat.st_ino)


def other_features(folder: Path) -> bytes:
    """Return the feature file of another synthetic data set, of the same size."""
    features, splits = matfiles.content()
    features["features"] = features["features"][::-1].copy()
    return (matfiles.write(folder, features, splits) / "res101.mat").read_bytes()


def test_a_feature_file(tmp_path: Path) -> None:
    root = matfiles.write(tmp_path / "root", *matfiles.content())
    before = load(name="world", root=root, cache=tmp_path / "cache")
    exchange(root / "res101.mat", other_features(tmp_path / "other"))
    after = load(name="world", root=root, cache=tmp_path / "cache")
    np.testing.assert_array_equal(after.features, np.asarray(before.features)[:, ::-1])
    assert after.fingerprints["features"] != before.fingerprints["features"]


def test_word_vectors(tmp_path: Path) -> None:
    path, classes = tmp_path / "vectors.txt", ClassDescriptions(("ant", "bee"))
    path.write_text("ant 1 2\nbee 3 4\n")
    embedding = WordVectors(path=path, cache=tmp_path / "cache")
    assert embedding.fit(classes)(classes).tolist() == [[1, 2], [3, 4]]
    exchange(path, b"ant 5 2\nbee 3 4\n")
    assert embedding.fit(classes)(classes).tolist() == [[5, 2], [3, 4]]


def test_the_weights_of_a_sentence_encoder(tmp_path: Path) -> None:
    folder, classes = Files(tmp_path, tmp_path).encoder, ClassDescriptions(("ant", "bee"))

    def phi() -> np.ndarray:
        return Sentence(model=folder, cache=tmp_path / "cache").fit(classes)(classes)

    before, weights = phi(), folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    values = np.frombuffer(content, dtype="<f4", offset=start)
    values *= 1.5
    exchange(weights, bytes(content))
    assert not np.allclose(phi(), before)


def deceive(cache: Path, path: Path, content: bytes) -> None:
    """Replace a file, and give a cache entry the clue of the new file, as if the file system showed no change."""
    (entry,) = cache.rglob("entry.json")
    path.write_bytes(content)
    said: dict[str, Any] = json.loads(entry.read_text())
    said["files"][str(path)]["clue"] = asdict(Clue.of(path))
    said.pop("self")
    digest = xxhash.xxh3_128_hexdigest(json.dumps(said, sort_keys=True).encode())
    entry.write_text(json.dumps(said | {"self": digest}))


def test_a_result_never_rests_on_a_clue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``zsl data inspect`` trusts the clue of a file; a run, which writes fingerprints, reads the file."""
    root, cache = matfiles.write(tmp_path / "root", *matfiles.content()), tmp_path / "cache"
    data = ["data.name=world", f"data.root={root}", f"paths.cache={cache}"]

    def run(name: str) -> dict[str, Any]:
        assert main(["train", "data=xlsa17", *data, f"paths.output={tmp_path / name}"]) == 0
        result: dict[str, Any] = json.loads((tmp_path / name / "result.json").read_text())
        return result

    before = run("before")
    deceive(cache, root / "res101.mat", other_features(tmp_path / "other"))
    capsys.readouterr()
    assert main(["data", "inspect", "xlsa17", *data]) == 0
    assert before["fingerprints"]["features"] in capsys.readouterr().out
    assert main(["data", "verify", "xlsa17", *data]) == 2
    after = run("after")
    assert after["fingerprints"]["features"] != before["fingerprints"]["features"]


def test_fingerprints_are_held_against_the_arrays_before_they_are_written() -> None:
    source = worlds.source()
    assert source.fingerprints["features"] == source.dataset.fingerprints["features"]
    x = np.array(source.dataset.features)
    x[0, 0] += 1
    with pytest.raises(InputError, match="world: features does not match its fingerprint"):
        _ = replace(source, dataset=replace(source.dataset, features=x)).fingerprints


def test_the_fingerprint_of_class_embeddings_is_of_the_final_stage_before_scaling() -> None:
    source = worlds.source()
    for scale in ("none", "zscore"):
        other = replace(source, embedding_scale=scale)  # type: ignore[arg-type]
        assert other.fingerprints["class_embeddings"] == source.fingerprints["class_embeddings"]
    assert replace(source, shuffle_seed=1).fingerprints != source.fingerprints
