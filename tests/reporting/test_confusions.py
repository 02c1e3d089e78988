"""``zsl confusions`` and its section of the page, against pairs counted one by one in the saved predictions."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.backbones.mean_colour import MeanColour
from zsl.cli import main
from zsl.outputs.names import PREDICTIONS

COLOURS = {
    "red": (220, 30, 30),
    "rose": (220, 60, 60),
    "green": (30, 200, 40),
    "blue": (30, 40, 220),
    "navy": (30, 40, 190),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two methods with two seeds on photographs of which the paths are known."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("confusions")
    for seed, (name, colour) in enumerate(COLOURS.items()):
        noise = np.random.default_rng(seed).integers(-60, 60, (8, 4, 4, 3))
        (folder / "photographs" / name).mkdir(parents=True)
        for i, pixels in enumerate(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)):
            Image.fromarray(pixels).save(folder / "photographs" / name / f"{i}.png")
    (folder / "split.yaml").write_text("seen: [red, green, blue]\nval: [green]\nunseen: [rose, navy]\n")
    phi = "".join(f"{name},{r},{g},{b}\n" for name, (r, g, b) in COLOURS.items())
    (folder / "attributes.csv").write_text("class,r,g,b\n" + phi)
    words = [
        "data=image_folder",
        f"data.root={folder / 'photographs'}",
        f"data.splits={folder / 'split.yaml'}",
        f"data.attributes={folder / 'attributes.csv'}",
        f"data.backbone._target_={MeanColour.__module__}.MeanColour",
        "class_embedding=attributes",
        f"paths.cache={folder / 'cache'}",
        f"paths.output={folder / 'runs'}",
    ]
    assert main(["train", "-m", *words, "method=devise", "method.epochs=1", "seed=0,1", "save.predictions=true"]) == 0
    assert main(["train", "-m", *words, "method=ridge", "save.predictions=true"]) == 0
    return folder / "runs"


def counted(runs: Path, method: str, among: str) -> Counter[tuple[str, str]]:
    """Count the wrong answers of all seeds one by one."""
    pairs: Counter[tuple[str, str]] = Counter()
    for file in runs.glob(f"{method}-*/{PREDICTIONS}"):
        saved = np.load(file)
        for label, answer, path in zip(saved["labels"], saved["predicted"], saved["images"], strict=True):
            true, given = saved["classes"][label], saved["classes"][answer]
            assert str(path).startswith(f"{true}/"), "a path is that of the image"
            if true != given and (among == "all" or saved["seen"][label] == (among == "seen")):
                pairs[true, given] += 1
    return pairs


@pytest.mark.parametrize("among", ["unseen", "seen", "all"])
def test_pairs_are_those_of_the_saved_predictions(runs: Path, among: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["confusions", str(runs), "--format", "csv", "--most", "100"]) == 0
    rows = [row for row in csv.DictReader(io.StringIO(capsys.readouterr().out)) if row["among"] == among]
    for method in ("ridge", "devise"):
        own = [row for row in rows if row["row"].startswith(method)]
        expected = counted(runs, method, among)
        assert {(row["true class"], row["predicted class"]): int(row["count"]) for row in own} == expected
        assert [int(row["count"]) for row in own] == sorted(expected.values(), reverse=True)
        assert all(row["image"].startswith(f"{row['true class']}/") for row in own)
    assert rows


def test_every_confused_image_is_listed_on_request(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    words = ["confusions", str(runs), "--images", "--among", "all", "--most", "100"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    for file in runs.rglob(PREDICTIONS):
        saved = np.load(file)
        wrong = saved["labels"] != saved["predicted"]
        assert wrong.any()
        assert all(path in shown for path in saved["images"][wrong])
    assert main([*words, "--most", "0"]) == 2
    assert "--most 0: give a whole number of at least 1" in capsys.readouterr().err


def test_the_page_shows_pairs_and_images(runs: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="pip install 'zsl[html]'")
    file = tmp_path / "page.html"
    assert main(["report", str(runs), "--html", str(file)]) == 0
    text = file.read_text()
    (true, given), _ = counted(runs, "ridge", "unseen").most_common(1)[0]
    assert f"{true} \\u2192 {given}" in text or f"{true} → {given}" in text
    assert f"{true}/" in text


def test_runs_without_predictions_or_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "data=synthetic", "method=ridge", f"paths.cache={tmp_path / 'cache'}"]
    assert main([*words, f"paths.output={tmp_path / 'bare'}"]) == 0
    assert main(["confusions", str(tmp_path / "bare")]) == 2
    assert capsys.readouterr().err.endswith("no run has predictions; run again with save.predictions=true\n")
    assert main([*words, f"paths.output={tmp_path / 'saved'}", "save.predictions=true"]) == 0
    assert main(["confusions", str(tmp_path / "saved")]) == 0
    assert "images" not in np.load(tmp_path / "saved" / PREDICTIONS)
