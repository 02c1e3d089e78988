"""``zsl typographic`` on photographs and a saved model, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zsl
from zsl.backbones.efficientnet_lite import EfficientNetLite0
from zsl.cli import main
from zsl.methods import ESZSL

pytest.importorskip("efficientnet_lite_pytorch", reason="pip install 'zsl[images]'")

COLOURS = {"red bird": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, backbone, names = tmp_path_factory.mktemp("typographic"), EfficientNetLite0(), list(COLOURS)
    y = np.arange(6) % 3
    x = backbone([Image.new("RGB", (64, 64), COLOURS[names[i]]) for i in y])
    model = zsl.fit(ESZSL(), x, y, classes=names, phi=np.eye(3), scale="l2")
    zsl.Predictor(**{**vars(model), "backbone": backbone}).save(folder / "run" / "model")
    for name in names:
        (folder / "photos" / name.replace(" ", "_")).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (64, 80), COLOURS[name]).save(folder / "photos" / name.replace(" ", "_") / f"{i}.png")
    return folder


@pytest.fixture(autouse=True)
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_rates_and_images(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["typographic", "run/model", "--images", "photos", "--seed", "1", "--format", "json"]
    assert main([*words, "--by-word", "--save", str(tmp_path / "attacked")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert (rows[0]["model"], rows[0]["word"], rows[0]["images"], rows[0]["clean"]) == ("run/model", "all", 6, 100)
    assert sum(row["images"] for row in rows[1:]) == 6
    files = sorted((tmp_path / "attacked").iterdir())
    assert len(files) == 6
    assert all("_as_" in file.name for file in files)
    for file in files:
        own, word = file.name.split("_as_")
        assert word.removesuffix(".png").replace(" ", "_") not in own
        assert len(Image.open(file).getcolors(100_000) or ()) > 1
    assert main(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert again == [{name: value for name, value in rows[0].items() if name != "word"}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run/model"], "--images"),
        (["run/model", "--images", "none"], "none: no such file"),
        (["none", "--images", "photos"], "none: no such file"),
        (["run/model", "--images", "photos", "--labels", "green"], "labels: 1 class"),
        (["run/model", "--images", "photos", "--labels", "x,y"], "no folder is called like a class"),
        (["run/model", "--images", "photos", "--fonts", "x.ttf"], "fonts: x.ttf"),
        (["run/model", "--images", "photos", "--seed", "-1"], "seed=-1"),
        (["run/model", "--images", "photos", "--save", "run"], "--save: run exists already"),
    ],
)
def test_a_mistake_is_one_line(place: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(place.rglob("*"))
    assert main(["typographic", *words, "--save", "saved"] if "--save" not in words else ["typographic", *words]) == 2
    err = capsys.readouterr().err
    assert message in err.splitlines()[-1]
    assert sorted(place.rglob("*")) == before
