"""Experiments of CLIP and its kin: the commands in their files compose, and are checked as far as data allow."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.two_towers import checkpoint
from zsl.cli import main
from zsl.config.tree import files
from zsl.outputs.claims import claims

NAMES = sorted(name for name, file in files("experiments").items() if "data: imagenet1k" in file.read_text())
COMMAND = re.compile(r"^#   zsl (extract|train|multilabel) (.*)$", re.MULTILINE)
WORDS = ("ant", "bee", "cow", "dog")


def commands(name: str) -> dict[str, list[str]]:
    """The commands in the heading of an experiment file, without ``zsl``."""
    return {command: shlex.split(rest) for command, rest in COMMAND.findall(files("experiments")[name].read_text())}


def test_the_published_rows_are_there() -> None:
    papers = {"radford2021", "menon2023", "pratt2023", "zhai2022", "zhou2022a", "zhang2022", "gao2024"}
    assert {name.rpartition("_")[2] for name in NAMES} >= papers
    assert {"tip_adapter_zhang2022", "tip_adapter_f_zhang2022"} <= set(NAMES)
    assert {"coop_zhou2022a", "cocoop_zhou2022a", "wise_ft_wortsman2022"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_command_composes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = commands(name)["train"]
    assert words[0] == f"experiments={name}"
    assert main(["train", *words, "--cfg", "job", "--resolve"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    (claim,) = claims(config["published"])
    assert claim.data == "imagenet1k"
    assert config["data"]["root"] == commands(name)["extract"][1] == claim.features
    assert config["class_embedding"]["_target_"].rpartition(".")[2].lower() == claim.class_embedding
    if "model" in config["class_embedding"] and "backbone=pixels" not in commands(name)["extract"]:
        assert f"model={config['class_embedding']['model']}" in commands(name)["extract"]


@pytest.mark.parametrize("name", NAMES)
def test_without_data_the_command_ends_at_the_data(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything that is checked before data are read is right: keys, hyperparameters, claims."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", *commands(name)["train"], f"paths.cache={tmp_path / 'cache'}"]) == 2
    assert "zsl: error: data.root=imagenet1k: no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_the_command_runs_where_data_and_checkpoint_are(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Small photographs and a small checkpoint under the names of the command; too few classes to be comparable."""
    pytest.importorskip("transformers")
    from tests.features import pictures

    monkeypatch.chdir(tmp_path)
    extract, train = commands(name)["extract"], commands(name)["train"]
    model = next((word.rpartition("model=")[2] for word in (*extract, *train) if "model=" in word), "clip")
    folder = checkpoint(tmp_path / "clip", "clip").rename(model)
    encoder = ["backbone=pixels", "size=16"]
    if encoder[0] not in extract:
        encoder = ["backbone=transformers", f"model={folder.name}"]
    named = {f"{word}/{i}.png": pictures.png(1000 * k + i, 16) for k, word in enumerate(WORDS) for i in range(3)}
    pictures.folder(tmp_path / extract[0], named)
    assert main(["extract", *extract[:2], *encoder]) == 0
    for file in ("unseen.yaml", "seen.yaml", "base_to_new.yaml"):
        seen = {"unseen.yaml": 2, "seen.yaml": 3, "base_to_new.yaml": 2}[file]
        Path(file).write_text(f"seen: {list(WORDS[:seen])}\nunseen: {list(WORDS[seen:])}\n")
    Path("names.csv").write_text("class,text\n" + "".join(f"{word},big {word}\n" for word in WORDS))
    Path("names.json").write_text(json.dumps({word: f"big {word}" for word in WORDS}))
    for file in ("descriptors_imagenet.json", "imagenet_prompts_full.json"):
        Path(file).write_text(json.dumps({word: ["has legs", f"a picture of {word}"] for word in WORDS}))
    np.savez("texts.npz", names=np.array(WORDS), embeddings=np.random.default_rng(0).standard_normal((4, 12)))
    assert main(["train", *train, "paths.output=run", "paths.cache=cache"]) == 0
    result = json.loads(next(Path("run").rglob("result.json")).read_text())
    capsys.readouterr()
    assert main(["report", "run", "--published"]) == 0
    out = capsys.readouterr().out
    assert "not comparable" in out
    assert result["data"] == "imagenet1k"
    printed = claims(result["config"]["published"])[0].metrics
    assert printed.keys() <= result["metrics"].keys()
