"""Choices of installed plug-ins and of ``--config-dir`` are choices like ours, of every command, and import nothing."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.example_plugin import CONF, SOURCE, importable, installed
from tests.features.pictures import folder, png
from zsl.cli import main
from zsl.config.compose import compose
from zsl.config.offered import targets
from zsl.config.plugins import flags, folders, named, source, versions
from zsl.config.tree import choices, files, tree
from zsl.errors import InputError
from zsl.files.self_checksum import digest_of

METHOD = "birdlab.cosine_ridge.CosineRidge"
BIRDS = ["data=plumage", "method=cosine_ridge"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """The plug-in, installed."""
    with importable(installed(tmp_path / "site")):
        yield tmp_path / "site"


@pytest.fixture
def conf(tmp_path: Path) -> Iterator[Path]:
    """A folder of choices, and modules that nobody has installed."""
    folder = Path(shutil.copytree(CONF, tmp_path / "my conf"))
    (folder / "experiments").mkdir()
    (folder / "experiments" / "birds.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /data: plumage\n  - override /method: cosine_ridge\n"
        "published: null\n"
    )
    shutil.copytree(SOURCE / "birdlab", tmp_path / "lib" / "birdlab")
    with importable(tmp_path / "lib"):
        yield folder


def test_without_a_plug_in_there_is_none() -> None:
    assert "cosine_ridge" not in choices()["method"]
    assert (folders(), flags(), versions()) == ((), [], {})


def test_an_installed_plug_in_is_known_before_it_is_imported(site: Path) -> None:
    assert {"cosine_ridge", "eszsl"} <= set(choices()["method"])
    assert "plumage" in choices()["data"]
    assert compose(BIRDS).method._target_ == METHOD
    assert compose(BIRDS)["sweep"] == {"lamb": [0.01, 1.0, 100.0]}
    assert versions() == {"birdlab": "0.1.0"}
    assert files("method")["cosine_ridge"] == site / "birdlab" / "conf" / "method" / "cosine_ridge.yaml"
    assert "birdlab" not in sys.modules


def test_a_named_folder_counts_while_it_is_named(conf: Path) -> None:
    assert "cosine_ridge" not in choices()["method"]
    with named(conf):
        assert "cosine_ridge" in choices()["method"]
        assert METHOD in targets("method")
        assert flags() == ["--config-dir", str(conf)]
        assert compose(BIRDS).method._target_ == METHOD
        with named(None):
            assert folders() == (conf,)
    assert METHOD not in targets("method")
    with pytest.raises(InputError, match="there is no such data"):
        compose(BIRDS)


def test_targets_are_offered_in_their_role(site: Path) -> None:
    assert METHOD in targets("method")
    assert METHOD not in targets("data", "class embedding", "correction", "tracker", "backbone", "head")
    assert "birdlab.plumage.load" in targets("data")


def test_choices_of_a_plug_in_extend_ours(conf: Path) -> None:
    (conf / "method" / "eszsl_weak.yaml").write_text("# Weak\ndefaults:\n  - eszsl\n  - _self_\n\ngamma: 0.5\n")
    with named(conf):
        assert compose(["method=eszsl_weak", "data=synthetic"]).method.gamma == 0.5
        assert targets("method") - {METHOD} == {target for target in targets("method") if target.startswith("zsl.")}


def test_a_file_that_is_hidden_is_named(conf: Path, caplog: pytest.LogCaptureFixture) -> None:
    hidden = conf / "method" / "eszsl.yaml"
    hidden.write_text(f"_target_: {METHOD}\n")
    with named(conf), caplog.at_level(logging.WARNING):
        assert compose(["method=eszsl", "data=synthetic"]).method._target_.startswith("zsl.")
    ours = tree() / "conf" / "method" / "eszsl.yaml"
    assert [record.message for record in caplog.records] == [
        f"{hidden} is not used: {ours} has the same name; rename it"
    ]


@pytest.mark.parametrize("package", ["nothing_like_it", "birdlab.plumage", "json", "birdlab:conf", ""])
def test_a_plug_in_without_a_folder_is_named_and_does_no_harm(
    tmp_path: Path, package: str, caplog: pytest.LogCaptureFixture
) -> None:
    with importable(installed(tmp_path / "site", package)), caplog.at_level(logging.WARNING):
        assert "cosine_ridge" not in choices()["method"]
        assert "birdlab" not in sys.modules
    if package:
        assert [
            f"there is no package {package} with a folder conf/" in record.message for record in caplog.records
        ] == [True]


def test_sources_are_found_without_an_import(site: Path) -> None:
    assert source("birdlab.plumage") == site / "birdlab" / "plumage.py"
    assert source("birdlab") == site / "birdlab" / "__init__.py"
    assert source("birdlab.nothing") is source("nothing_like_it") is source("sys") is None
    assert "birdlab" not in sys.modules


def places(tmp_path: Path) -> list[str]:
    return [f"paths.output={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}"]


def test_every_command_takes_the_folder(conf: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    flag, (out, cache) = ["--config-dir", str(conf)], places(tmp_path)
    assert main(["list", "methods", *flag]) == 0
    assert "Ridge regression of class embeddings on features" in capfd.readouterr().out
    assert main(["list", *flag, "experiments"]) == 0
    assert "birds" in capfd.readouterr().out
    assert main(["train", *BIRDS, *flag, "--help"]) == 0
    assert "lamb=1.0" in capfd.readouterr().out
    assert main(["data", "inspect", "plumage", f"--config-dir={conf}"]) == 0
    assert "Birds of random plumage" in capfd.readouterr().out
    assert main(["train", "-cd", str(conf), *BIRDS, "save.model=true", out, cache]) == 0
    assert main(["sweep", *BIRDS, *flag, "search=grid", f"paths.output={tmp_path / 'search'}", cache]) == 0
    assert main(["reproduce", "birds", *flag, "--seeds", "1", "--runs", str(tmp_path / "again"), cache]) == 0
    assert main(["train", "-m", *BIRDS, *flag, "method.lamb=1,2", f"paths.output={tmp_path / 'many'}", cache]) == 0
    assert len(list(tmp_path.rglob("result.json"))) == 5
    assert main(["jobs", str(tmp_path / "many"), *flag]) == 0


def test_a_backbone_of_the_folder_encodes(conf: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (conf / "backbone").mkdir()
    (conf / "backbone" / "colour.yaml").write_text("_target_: tests.backbones.mean_colour.MeanColour\n")
    flag = ["--config-dir", str(conf)]
    images = folder(tmp_path / "images", {f"{name}/{i}.png": png(i) for name in ("ant", "bee") for i in range(2)})
    assert main(["list", "backbones", *flag]) == 0
    assert "colour" in capfd.readouterr().out
    assert main(["extract", str(images), str(tmp_path / "out"), "backbone=colour", *flag]) == 0
    assert "4 images of 2 classes, 3 features each" in capfd.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["list"], ["train", *BIRDS], ["jobs", "."], ["sweep"], ["data", "inspect", "x"], ["extract", "images", "out"]],
)
def test_a_folder_that_is_not_there_is_refused(
    words: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--config-dir", str(tmp_path / "nowhere")]) == 2
    assert capfd.readouterr().err.endswith("nowhere: there is no such folder; correct the path\n")
    assert main([*words, "--config-dir"]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_a_saved_model_loads_where_its_plug_in_is_offered(
    conf: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (out, cache), flag = places(tmp_path), ["--config-dir", str(conf)]
    assert main(["train", *BIRDS, *flag, "save.model=true", out, cache]) == 0
    import numpy as np
    from birdlab.plumage import load  # type: ignore[import-not-found]

    np.save(tmp_path / "x.npy", load().features[:3])
    ask = ["predict", str(tmp_path / "run"), str(tmp_path / "x.npy")]
    assert main([*ask, *flag]) == 0
    capfd.readouterr()
    assert main(ask) == 2
    said = capfd.readouterr().err
    assert f"names '{METHOD}', which zsl does not offer as a method" in said
    assert "the plug-in 'birdlab' is missing: install it, or name its folder with --config-dir DIR" in said
    assert said.count("\n") == 1
    with importable(installed(tmp_path / "site")):
        assert main(ask) == 0
        import zsl

        assert zsl.load(tmp_path / "run" / "model").predict(load().features[:3]).labels.shape == (3, 1)


def test_a_saved_model_names_a_class_in_its_role(conf: Path, tmp_path: Path) -> None:
    import zsl

    out, cache = places(tmp_path)
    assert main(["train", *BIRDS, "--config-dir", str(conf), "save.model=true", out, cache]) == 0
    file = tmp_path / "run" / "model" / "model.json"
    whole = json.loads(file.read_text())
    for part in ("class_embedding", "correction", "method"):
        for target in (METHOD, "birdlab.plumage.load", "os.system", "birdlab.cosine_ridge.torch"):
            if (part, target) == ("method", METHOD):
                continue
            changed = {**whole, part: {**whole[part], "_target_": target}}
            file.write_text(json.dumps({**changed, "self": digest_of(changed)}) + "\n")
            with named(conf), pytest.raises(InputError, match="which zsl does not offer as a"):
                zsl.load(file.parent)


def test_jobs_takes_no_folder_from_a_file(conf: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The command that runs a job again names the folder that this command line has named, and no other."""
    many = [*BIRDS, "method.lamb=-1", f"paths.output={tmp_path / 'many'}"]
    assert main(["train", "-m", "--config-dir", str(conf), *many]) == 2
    again = f"again: zsl train -m --config-dir '{conf}' data=plumage method=cosine_ridge method.lamb=-1"
    assert again in capfd.readouterr().err
    assert main(["jobs", str(tmp_path / "many")]) == 0
    said = capfd.readouterr().out
    assert "again: (no command: launched with --config-dir " in said
    assert "zsl train" not in said
    assert main(["jobs", str(tmp_path / "many"), "--config-dir", str(tmp_path)]) == 0
    assert "zsl train" not in capfd.readouterr().out
    assert main(["jobs", str(tmp_path / "many"), "--config-dir", str(conf)]) == 0
    assert again in capfd.readouterr().out


@pytest.mark.slow
def test_jobs_in_other_processes_know_the_folder(conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head of the user's own, which a search builds in the process of its job."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'lib'}:{SOURCE.parents[1]}")
    (conf / "method" / "head").mkdir()
    (conf / "method" / "head" / "mine.yaml").write_text(
        "defaults:\n  - /method@_here_: cosine_ridge\n  - _self_\n\n_partial_: true\n"
    )
    small = ["method=fgmmn", "method.epochs=1", "method.hidden=8", "+sweep.head=[mine]", "selection=validation"]
    out = [f"paths.output={tmp_path / 'many'}", f"paths.cache={tmp_path / 'cache'}", "seed=0,1"]
    words = ["--config-dir", str(conf), "data=plumage", *small, *out, "hydra/launcher=joblib"]
    assert main(["train", "-m", *words, "hydra.launcher.n_jobs=2"]) == 0
    found = [json.loads(file.read_text()) for file in (tmp_path / "many").rglob("result.json")]
    assert [each["selection"]["chosen"]["method.head"] for each in found] == ["mine", "mine"]
