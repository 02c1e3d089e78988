"""The ImageNet protocol at its true number of classes, by the command line, on a made-up world of few images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets import imagenet_files
from zsl.cli import main
from zsl.outputs.result import read

SHAPE = imagenet_files.Shape()
SIZES = {
    "2-hops": 1509,
    "3-hops": 7678,
    "all": 20_345,
    "most_populated_500": 500,
    "least_populated_5000": 5000,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imagenet") / "world"
    return imagenet_files.write(folder, imagenet_files.world(SHAPE), cells=False)


def words(root: Path, *more: str) -> list[str]:
    return [
        "data=imagenet",
        f"data.root={root}",
        "data.features=[ILSVRC2012_res101_feature.mat,res101_1crop_all.mat]",
        f"data.wordnet={root / 'wordnet'}",
        f"paths.cache={root.parent / 'cache'}",
        *more,
    ]


@pytest.mark.parametrize("unseen", SIZES)
def test_eszsl_is_evaluated_on_every_set(root: Path, tmp_path: Path, unseen: str) -> None:
    more = [f"data.unseen={unseen}", "data.distractors=true", "method=eszsl", "save.predictions=true"]
    assert main(["train", *words(root, *more), f"paths.output={tmp_path / 'run'}"]) == 0
    result = read(tmp_path / "run" / "result.json")
    assert result.data_title == f"ImageNet, {unseen}: 1000 seen and {SIZES[unseen]} unseen classes"
    metrics = result.metrics
    with np.load(tmp_path / "run" / "predictions.npz") as file:
        labels, top, seen, answers = (file[name] for name in ("labels", "top", "seen", "predicted_zsl"))
    of_unseen = ~seen[labels]
    assert metrics["T1_per_sample"] == pytest.approx(100 * np.mean(answers == labels[of_unseen]))
    for k in (2, 5, 10, 20):
        hit = (top[:, :k] == labels[:, None]).any(axis=1)
        assert metrics[f"u_top{k}_per_sample"] == pytest.approx(100 * hit[of_unseen].mean())
        assert metrics[f"s_top{k}_per_sample"] == pytest.approx(100 * hit[~of_unseen].mean())
    for suffix in ("", "_per_sample"):
        for name in ("T{}", "u_top{}", "s_top{}"):
            hits = [metrics[name.format(k) + suffix] for k in (2, 5, 10, 20)]
            assert hits == sorted(hits)
        assert metrics[f"T1{suffix}"] <= metrics[f"T2{suffix}"]
        assert metrics[f"T1{suffix}"] > 20 * 100 / SIZES[unseen], "features are linear in the word vectors"
        for k in (2, 5, 10, 20):  # the true class is in every list
            assert metrics[f"hp{k}{suffix}"] * k >= metrics[f"T{k}{suffix}"] - 1e-9


def test_a_missing_file_is_said_in_one_line(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *words(root, "data.splits=none.mat"), f"paths.output={tmp_path / 'run'}"]) == 2
    message = capsys.readouterr().err.strip()
    assert message.endswith("none.mat: no such file; give ImageNet_splits.mat or a .json file of wnids, or null")
    assert "\n" not in message
    assert not (tmp_path / "run").exists()
