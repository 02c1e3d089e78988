"""``zsl predict`` on real image files: a model trained on a few photographs classifies others, also by new names."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zsl
from tests.configured import small_tower
from zsl.backbones.efficientnet_lite import EfficientNetLite0
from zsl.class_embeddings.prompts import Prompts
from zsl.class_embeddings.word_vectors import WordVectors
from zsl.cli import main
from zsl.methods import ESZSL

pytest.importorskip("efficientnet_lite_pytorch", reason="pip install 'zsl[images]'")

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220), "grey": (128, 128, 128)}
WORDS = [*COLOURS, "violet"]


def picture(name: str, seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(-30, 30, (48, 48, 3))
    return Image.fromarray(np.clip(np.array(COLOURS[name]) + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a saved model of three colours, a word vector of a fourth colour, and photographs of all."""
    folder = tmp_path_factory.mktemp("predict")
    rows = np.random.default_rng(0).normal(size=(len(WORDS), 5)).round(3)
    vectors = folder / "vectors.txt"
    vectors.write_text("".join(f"{w} {' '.join(map(str, row))}\n" for w, row in zip(WORDS, rows, strict=True)))
    backbone, names = EfficientNetLite0(), list(COLOURS)
    y = np.arange(12) % 3
    x = backbone([picture(names[label], i) for i, label in enumerate(y)])
    embedding = WordVectors(path=str(vectors), cache=str(folder / "cache"))
    model = zsl.fit(ESZSL(), x, y, classes=names, class_embedding=embedding, scale="l2")
    zsl.Predictor(**{**vars(model), "backbone": backbone}).save(folder / "run" / "model")
    for i, name in enumerate(names):
        (folder / "photos" / name).mkdir(parents=True)
        picture(name, 100 + i).save(folder / "photos" / name / "one.png")
        picture(name, 200 + i).save(folder / "photos" / name / "two.jpg")
    return folder


@pytest.fixture(autouse=True)
def _cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSL_CACHE", str(place / "cache"))


def asked(place: Path, *words: str) -> list[dict[str, Any]]:
    out = place / "answers.jsonl"
    assert main(["predict", str(place / "run"), *words, "--output", str(out)]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_answers_are_those_of_the_predictor(place: Path) -> None:
    found = asked(place, str(place / "photos"), "--top-k", "2")
    model = zsl.load(place / "run" / "model")
    files = sorted((place / "photos").rglob("*.*"))
    assert [row["image"] for row in found] == [str(file) for file in files]
    answers = model.predict(model.features([Image.open(file) for file in files]), top_k=2)
    assert [[a["label"] for a in row["answers"]] for row in found] == answers.labels.tolist()
    assert np.allclose([[a["confidence"] for a in row["answers"]] for row in found], answers.confidence)
    assert np.allclose([row["margin"] for row in found], answers.margin)


def test_photographs_of_seen_classes_are_recognised(place: Path) -> None:
    found = asked(place, *(str(place / "photos" / name) for name in ("red", "green", "blue")))
    assert [row["answers"][0]["label"] for row in found] == [Path(row["image"]).parent.name for row in found]


def test_a_file_that_the_model_names_is_announced_before_it_is_read(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model may be anybody's, and what it names is read where a new class has to be embedded."""
    photo, file = str(place / "photos" / "red" / "one.png"), place / "run" / "model" / "model.json"
    path = json.loads(file.read_text(encoding="utf-8"))["class_embedding"]["path"]
    for words, read in ((["--labels", "red,Green"], False), (["--add-labels", "violet"], True), ([], False)):
        asked(place, photo, *words)
        line = f"zsl: reads class_embedding.path={path!r}, named in {place / 'run'}\n"
        assert (line in capsys.readouterr().err) is read


def test_names_on_the_command_line_restrict_and_add(place: Path) -> None:
    photo = str(place / "photos" / "red" / "one.png")
    (row,) = asked(place, photo, "--labels", "violet, green", "--top-k", "5")
    assert sorted(a["label"] for a in row["answers"]) == ["green", "violet"]
    (row,) = asked(place, photo, "--add-labels", "violet", "--top-k", "9")
    assert sorted(a["label"] for a in row["answers"]) == sorted(WORDS)
    names = place / "names.txt"
    names.write_text("violet\nRed\n")
    (row,) = asked(place, photo, "--labels", str(names), "--top-k", "9")
    assert sorted(a["label"] for a in row["answers"]) == ["red", "violet"]


def test_a_text_for_one_label_leaves_the_others_as_they_are(place: Path) -> None:
    names = place / "described.txt"
    names.write_text("violet\ta colour\nred\n")
    photo = str(place / "photos" / "red" / "one.png")
    described = asked(place, photo, "--labels", str(names), "--top-k", "2")
    assert described == asked(place, photo, "--labels", "violet,red", "--top-k", "2")


def test_a_file_that_cannot_be_read_costs_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = place / "photos" / "red" / "one.png"
    monkeypatch.setattr("zsl.datasets.image_folder_images.MOST_BYTES", 1)
    assert main(["predict", str(place / "run"), str(photo)]) == 2
    assert "make it smaller or remove it" in capsys.readouterr().err


def test_features_and_csv(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = zsl.load(place / "run" / "model")
    x = model.features([picture("red", 5), picture("blue", 6)])
    np.save(place / "x.npy", x)
    assert main(["predict", str(place / "run" / "model"), str(place / "x.npy"), "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["label_1"] for row in rows] == model.predict(x).labels[:, 0].tolist()
    assert "confidence is not calibrated: train with selection=validation" in err


def test_a_contact_sheet_shows_mistakes_first(place: Path) -> None:
    page = place / "sheet.html"
    assert (
        main(["predict", str(place / "run"), str(place / "photos"), "--html", str(page), "--labels", "red,green"]) == 0
    )
    text = page.read_text()
    assert text.count("data:image/jpeg;base64,") == 8
    assert "4 with a known class" in text
    assert "<script" not in text


def test_a_table_in_a_terminal(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = place / "a folder of a long name" / ("photograph" * 9 + ".png")
    long.parent.mkdir()
    picture("red", 3).save(long)
    assert main(["predict", str(place / "run"), str(long)]) == 0
    assert str(long) in capsys.readouterr().out, "a path is neither broken nor cut off"
    command = [sys.executable, "-m", "zsl", "predict", str(place / "run"), str(place / "photos" / "red")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=place)
    assert done.stdout.splitlines()[0].split() == ["image", "answer", "confidence", "seen", "-", "unseen"]
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["photos", "--labels", "xylophone"], "out of vocabulary"),
        (["photos", "--labels", ","], "--labels ,: names no class"),
        (["photos", "--labels", "red,red"], "--labels: 'red' occurs twice"),
        (["photos", "--labels", "red,,green"], "--labels: name 2 is empty"),
        (["photos", "--add-labels", "violet," + "x" * 10_000], "--add-labels: name 2 has 10000 characters; shorten it"),
        (["photos", "--labels", "x" * 10_000], "--labels: name 1 has 10000 characters; shorten it to 255"),
        (["photos", "--labels", "twice.txt"], "--labels twice.txt: 'violet' occurs twice (names 1 and 3)"),
        (["photos", "--labels", "red", "--add-labels", "blue"], "give one of the two"),
        (["photos", "--top-k", "0"], "top_k=0"),
        (["broken"], "images: 1 unreadable: broken/a.png is not an image"),
        (["empty"], "no image in it"),
        (["photos", "--output", "answers.txt"], "give a file that ends in .csv or .jsonl"),
        (["x.txt"], "x.txt"),
    ],
)
def test_mistakes_cost_one_line(
    place: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    for folder in ("broken", "empty"):
        (place / folder).mkdir(exist_ok=True)
    (place / "broken" / "a.png").write_bytes(b"no picture")
    picture("red", 1).save(place / "broken" / "b.png")
    (place / "x.txt").write_text("text")
    (place / "twice.txt").write_text("violet\n\nred\nviolet\ta colour\n")
    assert main(["predict", "run", *words]) == 2
    err = [line for line in capsys.readouterr().err.splitlines() if line.startswith("zsl: error:")]
    assert len(err) == 1
    assert message in err[0]
    assert not (place / "answers.txt").exists()


def test_a_name_that_the_text_encoder_cuts_is_noted(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers")
    y = np.arange(12) % 3
    x = np.eye(3)[y] + 0.1 * np.random.default_rng(0).normal(size=(12, 3))
    embedding = Prompts(model=small_tower(), cache=tmp_path)
    zsl.fit(ESZSL(), x, y, classes=["ant", "bee", "cow"], class_embedding=embedding).save(tmp_path / "model")
    np.save(tmp_path / "x.npy", x)
    for name, cut in (("owl", False), ("a name of very many letters indeed", True)):
        assert main(["predict", str(tmp_path / "model"), str(tmp_path / "x.npy"), "--labels", f"ant,{name}"]) == 0
        assert ("1 of 1 texts are cut after 24 tokens" in capsys.readouterr().err) is cut


def test_broken_images_are_skipped_on_request(place: Path) -> None:
    (place / "some").mkdir(exist_ok=True)
    (place / "some" / "a.png").write_bytes(b"no picture")
    picture("red", 1).save(place / "some" / "b.png")
    (row,) = asked(place, str(place / "some"), "--skip-unreadable")
    assert row["image"].endswith("b.png")


def test_what_is_no_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(tmp_path), str(tmp_path)]) == 2
    assert "no model can be read here" in capsys.readouterr().err
