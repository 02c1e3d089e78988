"""``zsl multilabel`` on files, as a user calls it."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.two_towers import checkpoint
from zsl.cli import main
from zsl.config.tree import files
from zsl.data.class_rows import NAMES
from zsl.evaluation.f1_at_k import u_s_H_at, u_s_H_draws
from zsl.evaluation.multilabel import LabelledScores, thresholds_of
from zsl.features.shard import packed
from zsl.features.store import finish, shard_file
from zsl.reporting.multilabel_experiment import experiment

ROOT = Path(__file__).parents[2]
CLASSES = ("effusion", "oedema", "fracture", "never")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """60 images of four classes, of which one never occurs; embeddings lean towards the texts of their labels."""
    rng = np.random.default_rng(0)
    yes, no = rng.normal(size=(2, 4, 8))
    labels = np.column_stack([rng.random((60, 3)) < (0.5, 0.3, 0.2), np.zeros(60, bool)])
    images = labels @ yes + (~labels) @ no + rng.normal(size=(60, 8))
    for name, array in (("images", images), ("yes", yes), ("no", no)):
        np.save(tmp_path / f"{name}.npy", array.astype(np.float32))
    split = ["val"] * 20 + ["test"] * 35 + ["train"] * 5
    lines = [",".join(("image", *CLASSES, "split"))]
    lines += [",".join((f"{i:02}.png", *map(str, row.astype(int)), split[i])) for i, row in enumerate(labels)]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


PAIR = ["multilabel", "labels.csv", "--images", "images.npy", "--positive", "yes.npy", "--negative", "no.npy"]


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, dict[str, Any]]:
    assert main([*words, "--format", "json"]) == 0
    return {row["class"]: row for row in json.loads(capsys.readouterr().out)}


def log_odds(place: Path, scale: float = 1.0) -> np.ndarray:
    x, yes, no = (np.load(place / f"{name}.npy").astype(float) for name in ("images", "yes", "no"))
    x, yes, no = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, yes, no))
    return scale * (x @ yes.T - x @ no.T)


def labels(place: Path) -> np.ndarray:
    rows = list(csv.DictReader((place / "labels.csv").open(encoding="utf-8")))
    return np.array([[row[name] == "1" for name in CLASSES] for row in rows])


def test_pairs_of_prompts(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, *PAIR, "--bootstrap", "50")
    z, y = log_odds(place), labels(place)
    test, val = slice(20, 55), slice(0, 20)
    thresholds = thresholds_of(LabelledScores(z[val], y[val]), np.ones(4, bool))
    metrics = LabelledScores(z[test], y[test]).metrics(thresholds)
    for j, name in enumerate(CLASSES[:3]):
        assert found[name]["positives"] == y[test, j].sum()
        assert found[name]["AUROC"] == pytest.approx(metrics["AUROC"][j])
        assert found[name]["MCC"] == pytest.approx(metrics["MCC"][j], nan_ok=True)
        assert found[name]["AUROC_low"] <= found[name]["AUROC"] <= found[name]["AUROC_high"]
    assert found["never"]["AUROC"] is None
    assert found["mean"]["AUROC"] == pytest.approx(np.mean(metrics["AUROC"][:3]))
    assert found["mean"]["undefined"] == 1
    hot = asked(capsys, *PAIR, "--bootstrap", "0", "--scale", "30")
    assert [hot[name]["AUROC"] for name in CLASSES] == [found[name]["AUROC"] for name in CLASSES]
    assert "AUROC_low" not in hot["mean"]


def test_unseen_classes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, *PAIR, "--bootstrap", "0", "--seen", "effusion,oedema", "--k", "1,2", "--gamma", "0.1")
    z, y, seen = log_odds(place), labels(place), np.array([True, True, False, False])
    for k in (1, 2):
        expected = u_s_H_at(LabelledScores(z[20:55], y[20:55]), seen, k, 0.1)
        assert {name: found[f"F1@{k}"][name] for name in "usH"} == pytest.approx(expected)
        assert not any(name.endswith(("_low", "_high")) for name in found[f"F1@{k}"])
    assert [found[name]["kind"] for name in CLASSES] == ["seen", "seen", "unseen", "unseen"]
    assert found["fracture"]["threshold"] == found["never"]["threshold"]
    (place / "seen.txt").write_text("effusion\noedema\n")
    again = asked(capsys, *PAIR, "--bootstrap", "0", "--seen", "seen.txt", "--k", "1,2", "--gamma", "0.1")
    assert again == found


def test_u_s_H_have_intervals(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*PAIR, "--seen", "effusion,oedema", "--k", "1,2", "--bootstrap", "200", "--seed", "3"]
    found = asked(capsys, *words)
    images, seen = LabelledScores(log_odds(place)[20:55], labels(place)[20:55]), np.array([True, True, False, False])
    for k in (1, 2):
        for name, draws in u_s_H_draws(images, seen, k, draws=200, seed=3).items():
            low, high = (found[f"F1@{k}"][f"{name}_{end}"] for end in ("low", "high"))
            assert (low, high) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])))
            assert low < found[f"F1@{k}"][name] < high
    assert asked(capsys, *words) == found


def test_scores_of_a_file_are_used_as_they_are(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = asked(capsys, *PAIR, "--bootstrap", "0")
    np.save("scores.npy", log_odds(place))
    found = asked(capsys, "multilabel", "labels.csv", "--scores", "scores.npy", "--bootstrap", "0")
    assert [found[name]["AP"] for name in CLASSES] == [pairs[name]["AP"] for name in CLASSES]


def test_images_of_a_store_are_found_by_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = asked(capsys, *PAIR, "--bootstrap", "0")
    order = np.random.default_rng(1).permutation(60)
    store = place / "store"
    store.mkdir()
    x = np.load("images.npy")[order]
    (store / shard_file(0)).write_bytes(packed(x, [hashlib.sha256(row.tobytes()).hexdigest() for row in x], {}))
    names = [f"{i:02}.png" for i in order]
    finish(store, 1, names, [None] * 60, {"name": "any", "transform": "none"}, {})
    assert asked(capsys, *PAIR[:3], "store", *PAIR[4:], "--bootstrap", "0") == pairs
    (place / "labels.csv").write_text((place / "labels.csv").read_text().replace("07.png", "x.png"))
    assert main([*PAIR[:3], "store", *PAIR[4:]]) == 2
    assert "has no image 'x.png'" in capsys.readouterr().err
    lines = (place / "labels.csv").read_text().splitlines()
    (place / "labels.csv").write_text("\n".join(line.partition(",")[2] for line in lines) + "\n")
    assert main([*PAIR[:3], "store", *PAIR[4:]]) == 2
    assert "LABELS has no column image" in capsys.readouterr().err


def test_sigmoid_scores(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, *PAIR[:6], "--scale", "10", "--bias", "-5", "--bootstrap", "0")
    shifted = asked(capsys, *PAIR[:6], "--scale", "10", "--bootstrap", "0")
    for name in CLASSES[:3]:
        assert found[name]["AUROC"] == shifted[name]["AUROC"]
        assert found[name]["threshold"] == pytest.approx(shifted[name]["threshold"] - 5)


@pytest.fixture
def towers(place: Path) -> Path:
    """A SigLIP checkpoint, and images in its space."""
    pytest.importorskip("transformers")
    rng = np.random.default_rng(0)
    np.save(place / "images.npy", rng.normal(size=(60, 24)).astype(np.float32))
    return checkpoint(place / "siglip", "siglip")


def test_prompts_as_texts(towers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pairs of prompts without temperature; alone they have scale and bias of the checkpoint."""
    from zsl.class_embeddings.text_models import encode

    def mean(*templates: str) -> np.ndarray:
        v = np.stack([encode([text.format(name) for name in CLASSES], towers) for text in templates]).astype(float)
        return np.asarray((v / np.linalg.norm(v, axis=2, keepdims=True)).mean(axis=0))

    np.save("yes.npy", mean("{}", "signs of {}"))
    np.save("no.npy", mean("no {}"))
    words = ["--model", str(towers), "--positive", "{}", "--positive", "signs of {}"]
    found = asked(capsys, *PAIR[:4], *words, "--negative", "no {}", "--bootstrap", "0")
    expected = asked(capsys, *PAIR, "--bootstrap", "0")
    for name in (*CLASSES, "mean"):
        for metric, value in expected[name].items():
            assert found[name][metric] == pytest.approx(value, abs=1e-5)
    alone = asked(capsys, *PAIR[:4], *words, "--bootstrap", "0")
    scaled = asked(capsys, *PAIR[:6], "--scale", str(np.exp(2.1)), "--bias", "-3", "--bootstrap", "0")
    assert alone["effusion"]["threshold"] == pytest.approx(scaled["effusion"]["threshold"], rel=1e-4)
    assert alone["effusion"]["threshold"] != pytest.approx(found["effusion"]["threshold"], rel=0.1)


def commands(place: Path) -> list[list[str]]:
    """The commands on CheXpert in a file, without ``zsl``."""
    lines = [line.lstrip("# ") for line in place.read_text(encoding="utf-8").splitlines()]
    return [shlex.split(line)[1:] for line in lines if re.match(r"zsl (extract|multilabel) chexpert", line)]


def test_the_command_of_chexzero(towers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command in the experiment's file, on images of the store and the checkpoint that it names."""
    file = files("experiments", "multilabel/*.yaml")["multilabel/chexzero_tiu2022"]
    extract, words = commands(file)
    assert commands(ROOT / "docs" / "questions.md") == [extract, words]
    assert words[words.index("--images") + 1] == extract[2]
    assert f"model={words[words.index('--model') + 1]}" in extract
    assert main(words) == 2
    assert "chexpert.csv: no such file" in capsys.readouterr().err
    stated = experiment("chexzero_tiu2022")
    names = list(stated.columns)
    rng = np.random.default_rng(0)
    lines = [",".join(["image", "split", *names])]
    lines += [",".join([f"{i}.png", "test", *map(str, rng.integers(0, 2, len(names)))]) for i in range(30)]
    Path("chexpert.csv").write_text("\n".join(lines) + "\n")
    towers.rename("chexzero")
    store, x = Path("chexpert.features"), rng.normal(size=(30, 24)).astype(np.float32)
    store.mkdir()
    (store / shard_file(0)).write_bytes(packed(x, [hashlib.sha256(row.tobytes()).hexdigest() for row in x], {}))
    finish(store, 1, [f"{i}.png" for i in range(30)], [None] * 30, {"name": "any", "transform": "none"}, {})
    found = asked(capsys, *words, "--bootstrap", "9")
    assert [name for name in found if name in names] == names
    for name in names:
        assert found[name]["published"] == stated.published["results"][name]["AUROC"]
        assert found[name]["difference"] == pytest.approx(found[name]["AUROC"] - found[name]["published"])
    assert found["mean"]["published"] == 0.889
    explicit = [*words[: words.index("--experiment")], "--positive", "{}", "--negative", "no {}"]
    plain = asked(capsys, *explicit, "--columns", ",".join(names), "--bootstrap", "9")
    for name, row in plain.items():
        assert {key: found[name][key] for key in row} == row
    assert main([*words, "--bootstrap", "0", "--positive", "signs of {}", "--columns", "Edema,Atelectasis"]) == 0
    shown = capsys.readouterr().out
    assert (
        "not comparable: 30 test images, not 500; one checkpoint, not the mean p of 10; --positive signs of {}" in shown
    )
    (mean,) = [line for line in shown.splitlines() if line.startswith("mean")]
    assert "0.889" not in mean


def test_scores_of_the_published_images_may_be_comparable(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = experiment("chexzero_tiu2022").columns
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (500, 5))
    Path("chexpert.csv").write_text(
        "\n".join([",".join(names), *(",".join(map(str, row)) for row in labels.tolist())]) + "\n"
    )
    np.save("scores.npy", labels + rng.normal(size=(500, 5)))
    words = ["chexpert.csv", "--scores", "scores.npy", "--experiment", "chexzero_tiu2022", "--bootstrap", "0"]
    assert main(["multilabel", *words]) == 0
    shown = capsys.readouterr().out
    assert "not comparable" not in shown
    assert "comparable where the scores are those of 10 checkpoints" in shown
    assert main(["multilabel", *words[:-3], "chexzero"]) == 2
    assert "--experiment chexzero: there is no such experiment; choose one of chexz" in capsys.readouterr().err
    assert main(["reproduce", "chexzero_tiu2022"]) == 2
    assert "zsl multilabel LABELS --experiment chexzero_tiu2022" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--positive", "{}"], "--positive {}: several, or a template, need the --model"),
        (["--model", "siglip", "--positive", "pneumonia"], "--positive pneumonia: has no slot for the class"),
        (["--model", "gone", "--positive", "{}"], "gone"),
    ],
)
def test_a_mistake_in_prompts_is_one_line(
    towers: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*PAIR[:4], *words, "--output", "out.csv"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("zsl: error")]
    assert message in line
    assert not Path("out.csv").exists()


def test_without_validation_images_there_is_no_threshold(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (place / "labels.csv").read_text().replace(",val", ",test")
    (place / "labels.csv").write_text(text)
    assert main([*PAIR, "--bootstrap", "0"]) == 0
    out = capsys.readouterr().out
    assert "no F1 and no MCC" in out
    assert "no AUROC without both outcomes, left out of the mean: never" in out


@pytest.mark.parametrize("key", NAMES)
def test_texts_with_names_are_those_of_the_columns(place: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows are found by their names, in any order; names of other classes are refused."""
    expected = asked(capsys, *PAIR, "--bootstrap", "0")
    yes, negative = np.load(place / "yes.npy"), ["--negative", "no.npy", "--bootstrap", "0"]
    images = ["multilabel", "labels.csv", "--images", "images.npy", "--positive", "named.npz", *negative]
    for order in (slice(None), slice(None, None, -1)):
        np.savez(place / "named.npz", positive=yes[order], **{key: np.array(CLASSES)[order]})
        assert asked(capsys, *images) == expected
    for names in (CLASSES[:3], [*CLASSES, "more"], [*CLASSES[:3], "other"]):
        np.savez(place / "named.npz", positive=yes, **{key: np.array(names)})
        assert main(images) == 2
        assert capsys.readouterr().err.count("\n") == 1
    np.savez(place / "named.npz", **{key: yes})  # an only array is the embeddings, whatever it is called
    assert asked(capsys, *images) == expected
    np.savez(place / "named.npz", positive=np.float32(1), **{key: np.array(CLASSES)})
    assert main(images) == 2
    assert "is not a matrix" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["labels.csv"], "scores: give --scores"),
        (["labels.csv", "--images", "images.npy"], "scores: give --scores"),
        (["none.csv", "--scores", "yes.npy"], "none.csv: no such file"),
        (["labels.csv", "--scores", "yes.npy"], "60 images × 4 classes, but scores of shape (4, 8)"),
        (["labels.csv", "--images", "images.npy", "--positive", "labels.csv"], "ends in none of"),
        ([*PAIR[1:], "--columns", "image"], "column 'image' holds more than 0 and 1"),
        ([*PAIR[1:], "--columns", "lungs"], "no column 'lungs'"),
        ([*PAIR[1:], "--seen", "lungs"], "seen: 'lungs'"),
        ([*PAIR[1:], "--k", "9", "--seen", "oedema"], "F1@k: k = 9"),
        ([*PAIR[1:], "--scale", "0"], "--scale 0.0"),
        ([*PAIR[1:], "--bootstrap", "-1"], "draws=-1"),
        ([*PAIR[1:], "--seed", "-1"], "seed=-1"),
        ([*PAIR[1:], "--seen", "oedema", "--gamma", "nan"], "γ = nan"),
        (["labels.csv", "--images", ".", "--positive", "yes.npy"], "."),
    ],
)
def test_a_mistake_is_one_line(place: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["multilabel", *words, "--output", "out.csv"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (place / "out.csv").exists()
