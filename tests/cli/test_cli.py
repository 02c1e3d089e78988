"""The command line: help without heavy imports, lists, data commands, and installation from a wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.datasets import matfiles
from zsl import __version__
from zsl.cli import main
from zsl.config.tree import PLACES, choices, tree

ROOT = Path(__file__).parents[2]
HEAVY = {
    "torch",
    "matplotlib",
    "pytorch_lightning",
    "hydra",
    "numpy",
    "scipy",
    "gensim",
    "wandb",
    "rich",
    "sklearn",
    "plotly",
}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["report", "--help"], ["hubness", "--help"], ["data", "--help"]],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys, contextlib, io
from zsl.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({arguments!r})
print(*sorted({HEAVY!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"zsl {__version__}\n"


@pytest.mark.parametrize(
    ("what", "group"),
    [("methods", "method"), ("corrections", "correction"), ("data", "data"), ("embeddings", "class_embedding")],
)
def test_lists_show_every_file_of_the_tree(capsys: pytest.CaptureFixture[str], what: str, group: str) -> None:
    assert main(["list", what]) == 0
    shown = capsys.readouterr().out
    names = [path.stem for path in (tree() / "conf" / group).glob("*.yaml")]
    assert names
    first_words = {line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line[2] != " "}
    assert set(names) <= first_words
    for line in shown.splitlines():
        assert line.strip() not in names, f"{line.strip()} is listed without a description"


def test_all_lists_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("methods", "data", "embeddings", "experiments", "eszsl_xian2018", "glove"))


def test_data_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cache = f"paths.cache={tmp_path}"
    assert main(["data", "prepare", "synthetic", cache]) == 0
    assert main(["data", "inspect", "synthetic", cache]) == 0
    shown = capsys.readouterr().out
    assert "trainval" in shown
    assert "SHA-256" in shown
    assert main(["data", "verify", "synthetic", cache]) == 0
    assert "fingerprints verified" in capsys.readouterr().out


def test_verify_finds_what_was_changed_and_repairs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZSL_CACHE", str(tmp_path / "cache"))
    matfiles.write(tmp_path / "toy", *matfiles.content())
    toy = ["xlsa17", "data.name=toy", f"data.root={tmp_path / 'toy'}"]
    assert main(["data", "verify", *toy]) == 2
    assert main(["data", "prepare", *toy]) == 0
    assert main(["data", "verify", *toy]) == 0
    (features,) = (tmp_path / "cache").rglob("features.npy")
    content = features.read_bytes()
    changed = content[:-1] + bytes([content[-1] ^ 1])
    features.write_bytes(changed)
    capsys.readouterr()
    assert main(["data", "verify", *toy]) == 2
    assert "missing, damaged" in capsys.readouterr().err
    assert features.read_bytes() == changed


def test_help_of_train_shows_the_groups(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "method=ridge", "--help"]) == 0
    shown = capfd.readouterr().out
    assert "direction: semantics_to_features" in shown
    for group, names in choices().items():
        assert (f"\n  {PLACES.get(group, group)}: {', '.join(names)}\n" in shown) == (group != "search"), group


@pytest.mark.slow
def test_a_wheel_brings_its_configuration_along(tmp_path: Path) -> None:
    """A wheel built from a copy of the repository works from a folder without the repository."""
    copy = tmp_path / "copy"
    for name in ("zsl", "conf", "experiments"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(copy)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("zsl-*.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    assert (site / "zsl" / "py.typed").is_file()
    page = Path("zsl", "reporting", "html")
    kept = [file.relative_to(ROOT) for part in ("templates", "static") for file in (ROOT / page / part).iterdir()]
    assert kept
    assert all((site / file).is_file() for file in kept)
    code = "import sys, zsl; from zsl.cli import main; assert sys.argv[1] in zsl.__file__; sys.exit(main(sys.argv[2:]))"
    for arguments in (
        ["train", "data=synthetic", "method=eszsl", "paths.output=out"],
        ["train", "-m", "experiments=glob(eszsl*)", "data=synthetic", "selection=fixed", "paths.output=several"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, str(site), *arguments],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(site), "ZSL_CACHE": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    result = json.loads((elsewhere / "out" / "result.json").read_text())
    assert result["commit"] is None
    assert len(list((elsewhere / "several").rglob("result.json"))) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--cfg", "job", "method=ale", "seed=3"],
        ["method=ale", "seed=3", "--cfg", "job"],
        ["method=ale", "--cfg", "job", "seed=3"],
    ],
)
def test_flags_stand_anywhere(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *words]) == 0
    shown = capfd.readouterr().out
    assert "seed: 3\n" in shown
    assert "_target_: zsl.methods.compatibility.ale.ALE\n" in shown
