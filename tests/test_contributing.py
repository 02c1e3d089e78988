"""The page that shows how to add each part, followed to the letter in a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILE = re.compile(r"\*\*\d\. [^`]*`([^`]+)`[^`]*(?:`[^`]+`[^`]*)*?```(?:python|yaml)\n(.*?)```", re.DOTALL)
SECTIONS = dict(re.findall(r"^## Add an? ([^\n]+)\n(.*?)(?=^## )", PAGE, re.DOTALL | re.MULTILINE))
PARTS = ("method", "generator of features", "correction", "data set", "class embedding", "backbone", "tracker")


def files(part: str) -> dict[str, str]:
    """The files of a section: path -> content."""
    return dict(FILE.findall(SECTIONS[part]))


def commands(part: str) -> list[str]:
    """The commands of a section."""
    (block,) = re.findall(r"```sh\n(.*?)```", SECTIONS[part], re.DOTALL)
    return str(block).strip().splitlines()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the files of all sections."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("zsl", "conf", "experiments", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    if (known := ROOT / ".mypy_cache").is_dir():  # what mypy found out of other packages
        shutil.copytree(known, copy / known.name)
    for name in ("setup.cfg", "ruff.toml"):
        shutil.copy(ROOT / name, copy)
    for part in PARTS:
        for path, text in files(part).items():
            assert not (copy / path).exists(), f"{path} is there already"
            (copy / path).write_text(text, encoding="utf-8")
    return copy


def run(copy: Path, command: str) -> None:
    words = command.split()
    own = {"zsl": ["-m", "zsl"], "python": []}
    environment = {**os.environ, "PYTHONPATH": str(copy), "ZSL_CACHE": str(copy / "cache")}
    line = [sys.executable, *own[words[0]], *words[1:]]
    done = subprocess.run(line, cwd=copy, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_every_part_has_its_section_with_code_configuration_and_test() -> None:
    assert set(PARTS) <= set(SECTIONS)
    for part in PARTS:
        assert [path.split("/")[0] for path in files(part)] == ["zsl", "conf", "tests"], part
        assert len(re.findall(r"^```(?:python|yaml)", SECTIONS[part], re.MULTILINE)) == 3, part
        assert any(command.startswith("python -m pytest ") for command in commands(part)), part


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_the_commands_of_the_section_work(copy: Path, part: str) -> None:
    before = set((copy / "runs").rglob("result.json"))
    for command in commands(part):
        run(copy, command)
    trained = sum(command.startswith("zsl train") for command in commands(part))
    assert len(set((copy / "runs").rglob("result.json")) - before) == trained


@pytest.mark.slow
def test_what_was_added_is_as_tidy_as_the_rest(copy: Path) -> None:
    written = " ".join(path for part in PARTS for path in files(part) if path.endswith("py"))
    run(copy, f"python -m ruff check {written}")
    run(copy, f"python -m ruff format --check {written}")
    run(copy, f"python -m mypy {' '.join(path for path in written.split() if path.startswith('zsl'))}")
    run(copy, "python -m pytest -q tests/test_architecture.py")
