"""``zsl synthesize`` through the command line: a generator is trained, and a method is trained on its features."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from zsl.cli import main
from zsl.methods.generative.feature_generator import FeatureGenerator
from zsl.runs import synthesis

TRAIN = ["train", "data=synthetic", "method=fclswgan", "method.hidden=16", "method.critic_hidden=16", "method.epochs=2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose subfolder ``run`` holds a trained generator."""
    folder = tmp_path_factory.mktemp("synthesis")
    places = [f"paths.output={folder / 'run'}", f"paths.cache={folder / 'cache'}"]
    assert main([*TRAIN, "method.features_per_class=5", "save.model=true", *places]) == 0
    return folder


def synthesize(place: Path, output: str, *arguments: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    assert main(["synthesize", str(place / "run"), str(place / output), *arguments]) == 0
    files = [scipy.io.loadmat(str(place / output / name)) for name in ("synthetic.mat", "att_splits.mat")]
    return files[0], files[1]


@pytest.mark.parametrize("each", [2, 3, 10])
def test_the_files_are_a_data_set(place: Path, each: int, capsys: pytest.CaptureFixture[str]) -> None:
    features, splits = synthesize(place, f"made{each}", "--per-class", str(each))
    labels, classes = features["labels"].ravel(), splits["att"].shape[1]
    assert features["features"].shape[1] == len(labels) == each * classes
    assert np.bincount(labels).tolist() == [0, *[each] * classes]
    parts = [splits[name].ravel() for name in ("trainval_loc", "test_seen_loc", "test_unseen_loc")]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1, len(labels) + 1))
    said = capsys.readouterr().out.split("zsl train ")[1].split()
    again = [f"paths.output={place / 'again'}", f"paths.cache={place / 'cache'}"]
    assert main(["train", *said, *again]) == 0
    assert json.loads((place / "again" / "result.json").read_text())["method"] == "eszsl"


def test_the_same_seed_gives_the_same_features_and_another_gives_others(place: Path) -> None:
    one, two, other = (
        synthesize(place, f"seed {i}", "--per-class", "3", "--seed", seed)[0]["features"]
        for i, seed in enumerate(("1", "1", "2"))
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_features_are_made_some_at_a_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "AT_ONCE", 16)
    asked: list[int] = []
    make = FeatureGenerator.synthesize_features

    def watched(self: FeatureGenerator, phi: torch.Tensor) -> torch.Tensor:
        asked.append(len(phi))
        return make(self, phi)

    monkeypatch.setattr(FeatureGenerator, "synthesize_features", watched)
    features, splits = synthesize(place, "some", "--per-class", "7")
    assert max(asked) == 16
    assert sum(asked) == features["features"].shape[1] == 7 * splits["att"].shape[1]


def test_more_features_than_a_file_holds_are_refused_before_they_are_made(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(synthesis, "HELD", 1000)
    monkeypatch.setattr(FeatureGenerator, "synthesize_features", None)
    assert main(["synthesize", str(place / "run"), str(place / "much"), "--per-class", "1000"]) == 2
    assert capsys.readouterr().err.startswith("zsl: error: --per-class 1000: makes ")
    assert not (place / "much").exists()


def test_another_class_embedding_makes_other_features(place: Path) -> None:
    plain, described = synthesize(place, "plain", "--per-class", "3")
    permuted, otherwise = synthesize(place, "permuted", "--per-class", "3", "class_embedding.shuffle_seed=0")
    order = [described["att"].T.tolist().index(row) for row in otherwise["att"].T.tolist()]
    assert sorted(order) == list(range(len(order)))
    assert order != sorted(order)
    assert not np.array_equal(plain["features"], permuted["features"])


def test_a_plot_is_drawn(place: Path) -> None:
    synthesize(place, "drawn", "--per-class", "5", "--plot", str(place / "plot.svg"))
    drawing = (place / "plot.svg").read_text()
    assert drawing.startswith("<?xml")
    assert "unseen" in drawing


def test_generators_say_how_near_their_features_are(place: Path) -> None:
    result = json.loads((place / "run" / "result.json").read_text())
    assert 0 <= result["metrics"]["synthetic_near_own"] <= 1
    assert {len(places) for places in result["synthetic"].values()} == {result["card"]["parts"]["trainval"]["classes"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--per-class", "1"], "--per-class 1: give a whole number from 2, to train and to test on, to 1000000"),
        (["--per-class", "9" * 30], f"--per-class {'9' * 30}: give a whole number from 2"),
        (["--seed", "-1"], "--seed -1: give a whole number from 0 to"),
        (["--seed", "9" * 30], f"--seed {'9' * 30}: give a whole number from 0 to"),
        (["--plot", "plot.bmp"], "--plot plot.bmp: give a file that ends in .png, .svg, .pdf"),
        (["class_embedding=attributes", "data.attributes=3"], "data.attributes: there is no such key"),
    ],
)
def test_bad_input_is_said_in_one_line(
    place: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synthesize", str(place / "run"), str(place / "bad"), *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"zsl: error: {message}")
    assert not (place / "bad").exists()


def test_only_a_generator_with_weights_can_be_asked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, cache = place / "closed", f"paths.cache={place / 'cache'}"
    assert main(["train", "data=synthetic", "save.model=true", f"paths.output={run}", cache]) == 0
    assert main(["synthesize", str(run), str(place / "bad")]) == 2
    assert "eszsl generates no features; give the run of a generator" in capsys.readouterr().err
    weightless = place / "weightless"
    assert main([*TRAIN, "method.features_per_class=5", f"paths.output={weightless}", cache]) == 0
    assert main(["synthesize", str(weightless), str(place / "bad")]) == 2
    assert f"{weightless / 'model'}: no model can be read here" in capsys.readouterr().err
    shutil.copytree(place / "run" / "model", weightless / "model")
    (weightless / "model" / "tensors.safetensors").write_bytes(b"no weights")
    assert main(["synthesize", str(weightless), str(place / "bad")]) == 2
    assert "tensors.safetensors is damaged or belongs to another model" in capsys.readouterr().err


def test_a_model_of_another_run_is_not_used(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other, mixed = place / "other", place / "mixed"
    places = [f"paths.output={other}", f"paths.cache={place / 'cache'}"]
    assert main([*TRAIN, "method.features_per_class=5", "save.model=true", "seed=1", *places]) == 0
    mixed.mkdir()
    shutil.copy(place / "run" / "result.json", mixed)
    shutil.copytree(other / "model", mixed / "model")
    assert main(["synthesize", str(mixed), str(place / "none")]) == 2
    assert f"{mixed}: model and result.json are of two runs" in capsys.readouterr().err
    assert not (place / "none").exists()


def test_a_result_is_not_run_as_a_program(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mark, foreign = place / "called", place / "foreign"
    foreign.mkdir()
    result = json.loads((place / "run" / "result.json").read_text())
    result["config"]["method"]["head"] = {"_target_": "pathlib.Path.touch", "self": str(mark)}
    (foreign / "result.json").write_text(json.dumps(result) + "\n")
    shutil.copytree(place / "run" / "model", foreign / "model")
    assert main(["synthesize", str(foreign), str(place / "none")]) == 2
    assert "pathlib.Path.touch" in capsys.readouterr().err
    assert not mark.exists()
    assert not (place / "none").exists()


def test_a_generator_in_closed_form_is_learned_from_again_by_its_own_features(place: Path) -> None:
    run, files, cache = place / "gaussian", place / "gaussian_files", f"paths.cache={place / 'cache'}"
    again = place / "gaussian_again"
    gaussian = ["train", "method=gaussian_classes", cache]
    assert main([*gaussian, "data=synthetic", "save.model=true", f"paths.output={run}"]) == 0
    assert main(["synthesize", str(run), str(files), "--per-class", "100"]) == 0
    made = [f"data.root={files}", "data=xlsa17", "data.name=synthetic", "data.features=synthetic.mat"]
    assert main([*gaussian, *made, f"paths.output={again}"]) == 0
    of_images, of_features = (
        json.loads((folder / "result.json").read_text())["metrics"]["T1"] for folder in (run, again)
    )
    assert of_images > 50
    assert of_features > 50
