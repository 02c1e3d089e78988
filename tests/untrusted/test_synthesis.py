"""``zsl synthesize`` on somebody else's folder builds nothing but what zsl offers, and what the user names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from tests.untrusted.attacks import ATTACKS, ENVIRONMENT, Attack, Content, Payload
from zsl.cli import main
from zsl.config.checking import plain
from zsl.config.compose import compose
from zsl.files.self_checksum import digest_of


def tampered(stranger: Path) -> Content:
    content: Content = json.loads((stranger / "result.json").read_text())
    return content


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_result_is_refused_that_asks_for_more_than_data(
    stranger: Path, tmp_path: Path, attack: Attack, capfd: pytest.CaptureFixture[str]
) -> None:
    mark, out = tmp_path / "mark", tmp_path / "out"
    content = json.loads((stranger / "result.json").read_text())
    typed = attack(content, mark) or ()
    (stranger / "result.json").write_text(json.dumps(content) + "\n")
    status = main(["synthesize", str(stranger), str(out), "--per-class", "2", *typed])
    said = capfd.readouterr()
    assert not mark.exists()
    assert not any(value in said.out + said.err for value in ENVIRONMENT.values())
    assert status == 2
    assert said.err.startswith(f"zsl: error: {stranger / 'result.json'}: ")
    assert "results are not run as programs" in said.err
    assert said.err.count("\n") == 1
    assert not out.exists()


def test_weights_are_not_unpickled(stranger: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.save({"W": Payload(tmp_path / "mark")}, stranger / "model" / "tensors.safetensors")
    assert main(["synthesize", str(stranger), str(tmp_path / "out")]) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"zsl: error: {stranger / 'model'}: no model can be read here")
    assert said.count("\n") == 1
    assert not (tmp_path / "mark").exists()


def test_the_victims_own_additions_work(stranger: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, run = tmp_path / "out", ["synthesize", str(stranger), str(tmp_path / "out"), "--per-class", "2"]
    assert main([*run, "class_embedding.shuffle_seed=0"]) == 0
    assert main([*run, "class_embedding=attributes", "class_embedding.kind=att", "data.noise=0.3"]) == 0
    assert main([*run, "data=synthetic", "class_embedding.scale=none"]) == 0
    before = scipy.io.loadmat(str(out / "att_splits.mat"))["att"]
    np.save(tmp_path / "phi.npy", before.T[::-1])
    assert main([*run, "class_embedding=matrix", f"class_embedding.path={tmp_path / 'phi.npy'}"]) == 0
    assert np.array_equal(scipy.io.loadmat(str(out / "att_splits.mat"))["att"], before[:, ::-1])


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("method.hidden=3", "method.hidden: the run was trained with it; give data, class_embedding or paths.cache"),
        ("seed=3", "seed: the run was trained with it"),
        ("hydra.searchpath=[x]", "hydra.searchpath: the run was trained with it"),
        ("data.noise=0.1,0.2", "data.noise: these are several values; give one"),
        ("data=nothing", "data=nothing: there is no such data"),
        ("method._target_=mine.Other", "method._target_: the run was trained with another method"),
    ],
)
def test_what_cannot_be_changed_is_said(
    stranger: Path, tmp_path: Path, typed: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["synthesize", str(stranger), str(tmp_path / "out"), typed]) == 2
    assert capfd.readouterr().err.startswith(f"zsl: error: {message}")


def test_a_plug_in_is_built_where_it_is_named_and_only_there(
    stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(
        "from zsl.class_embeddings.attributes import Attributes\n\n\nclass Mine(Attributes):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    content = tampered(stranger)
    named = "class_embedding._target_=mine.Mine"
    content["config"]["class_embedding"]["_target_"] = "mine.Mine"
    content["overrides"].append(named)
    (stranger / "result.json").write_text(json.dumps(content) + "\n")
    run = ["synthesize", str(stranger), str(tmp_path / "out"), "--per-class", "2"]
    for typed in ([], ["class_embedding._target_=evil.Boom"], ["data._target_=mine.Mine"]):
        assert main([*run, *typed]) == 2
        assert "config.class_embedding: names 'mine.Mine', which nothing in conf/ offers" in capfd.readouterr().err
    assert main([*run, named]) == 0
    assert not (tmp_path / "mark").exists()


def test_what_is_read_is_said_and_the_cache_is_the_users_own(
    stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    made, theirs = tmp_path / "made", tmp_path / "theirs"
    assert main(["synthesize", str(stranger), str(made), "--per-class", "3"]) == 0
    assert "reads" not in capfd.readouterr().err
    monkeypatch.setenv("ZSL_CACHE", str(tmp_path / "own"))
    files = ["data.features=synthetic.mat", "data.splits=att_splits.mat", f"data.root={made}", "data.name=made"]
    content = tampered(stranger)
    content["config"] |= {"data": plain(compose(["data=xlsa17", *files, f"paths.cache={theirs}"]))["data"]}
    content["config"]["paths"]["cache"] = str(theirs)
    (stranger / "result.json").write_text(json.dumps(content) + "\n")
    assert main(["synthesize", str(stranger), str(tmp_path / "out"), "--per-class", "2"]) == 0
    said = capfd.readouterr().err
    assert f"zsl: reads data.root={str(made)!r}, data.features='synthetic.mat', " in said
    assert f"named in {stranger / 'result.json'}" in said
    assert (tmp_path / "own").is_dir()
    assert not theirs.exists()


def test_a_plug_in_is_built_in_the_role_in_which_a_named_folder_offers_it(
    stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(
        "from zsl.class_embeddings.attributes import Attributes\n\n\nclass Mine(Attributes):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    content = tampered(stranger)
    content["config"]["class_embedding"]["_target_"] = "mine.Mine"
    (stranger / "result.json").write_text(json.dumps(content) + "\n")
    model = json.loads((stranger / "model" / "model.json").read_text())
    model["class_embedding"]["_target_"] = "mine.Mine"
    (stranger / "model" / "model.json").write_text(json.dumps({**model, "self": digest_of(model)}) + "\n")
    run = ["synthesize", str(stranger), str(tmp_path / "out"), "--per-class", "2"]
    for group in ("data", "method", "class_embedding"):
        (tmp_path / group / group).mkdir(parents=True)
        (tmp_path / group / group / "mine.yaml").write_text("_target_: mine.Mine\nscale: none\n")
    for named in ([], ["--config-dir", str(tmp_path / "data")], ["--config-dir", str(tmp_path / "method")]):
        assert main([*run, *named]) == 2
        said = capfd.readouterr().err
        assert "config.class_embedding: names 'mine.Mine', which nothing in conf/ offers" in said
        assert "the plug-in 'mine' is missing: install it, or name its folder with --config-dir DIR" in said
        assert not (tmp_path / "out").exists()
    assert main([*run, "--config-dir", str(tmp_path / "class_embedding")]) == 0
