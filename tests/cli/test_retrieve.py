"""``zsl retrieve`` on files, as a user calls it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from zsl.cli import main


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(20, 8))
    np.save(tmp_path / "images.npy", images.astype(np.float16))
    np.savez(
        tmp_path / "texts.npz", texts=np.repeat(images, 2, axis=0) + rng.normal(size=(40, 8)), image=np.arange(40) // 2
    )
    (tmp_path / "groups.csv").write_text("image,caption\n" + "".join(f"{i // 2},a {i}\n" for i in range(40)))
    np.save(tmp_path / "labels.npy", np.arange(20) % 3)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.open(encoding="utf-8")))


def test_both_directions_from_files(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["retrieve", "images.npy", "texts.npz", "--text-groups", "groups.csv"]
    assert main([*words, "--k", "1,3", "correction=csls", "--output", "a.csv", "correction.k=2"]) == 0
    found = rows(place / "a.csv")
    assert [row["direction"] for row in found] == ["image→text", "text→image"]
    assert {row["setting"] for row in found} == {"transductive"}
    assert {row["correction"] for row in found} == {"csls k=2"}
    assert main([*words, "--format", "json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [row["queries"] for row in plain] == [20, 40]
    assert plain[0]["setting"] == "inductive"
    assert plain[0]["R@1"] != float(found[0]["R@1"])
    assert main(["retrieve", "images.npy", "texts.npz", "--text-groups", "texts.npz", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == plain


def test_images_find_images_of_their_class(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retrieve", "images.npy", "--image-groups", "labels.npy", "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    assert "| image→image | none | inductive |" in out
    assert "R@10 | mAP" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["images.npy"], "no two images share a group"),
        (["images.npy", "images.npy", "texts.npz"], "FILE: 3 files"),
        (["images.npy", "texts.npz"], "text_groups: 40 texts and 20 images"),
        (["images.npy", "nothing.npy"], "texts nothing.npy: no such file"),
        (["images.npy", "groups.csv"], "ends in none of"),
        (["images.npy", "texts.npz", "method=eszsl"], "method=eszsl: is no override of the correction"),
        (["images.npy", "texts.npz", "correction=cslz"], "csls"),
        (["images.npy", "texts.npz", "correction=csls", "correction.k=0"], "correction.k=0"),
        (["images.npy", "texts.npz", "--k", "1,x"], "--k 1,x"),
        (["images.npy", "texts.npz", "correction=csls", "correction=nicdm"], "a correction is chosen already"),
    ],
)
def test_a_mistake_is_one_line(place: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retrieve", *words, "--output", "out.csv"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (place / "out.csv").exists()
