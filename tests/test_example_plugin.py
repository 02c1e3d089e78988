"""The plug-in of docs/example_plugin, installed as a user installs it and used in fresh processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.example_plugin import SOURCE

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the plug-in is built and installed, without the network and without its dependencies."""
    site, copy = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source") / "example"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    offline = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", str(site), str(copy)], check=True)
    return site


def files(folder: Path) -> set[str]:
    """Every file of code or configuration below a folder."""
    kinds = (".py", ".yaml", ".toml")
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.suffix in kinds}


def run(folder: Path, *words: str, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own that finds what is installed in ``site``."""
    places = os.pathsep.join(map(str, [ROOT, *([site] if site else [])]))
    environment = {**os.environ, "PYTHONPATH": places, "ZSL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def trained(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the method was trained on the data set, and three rows of features."""
    folder = tmp_path_factory.mktemp("work")
    words = ["method=cosine_ridge", "data=plumage", "selection=validation", "save.model=true", "paths.output=run"]
    done = run(folder, "-m", "zsl", "train", *words, site=site)
    assert done.returncode == 0, done.stderr
    ask = "import numpy as np; from birdlab.plumage import load; np.save('x.npy', load().features[:3])"
    assert run(folder, "-c", ask, site=site).returncode == 0
    return folder


def test_what_is_installed_is_the_package_with_its_choices(site: Path) -> None:
    assert files(SOURCE / "birdlab") == files(site / "birdlab")


def test_lists_show_it_and_import_nothing_of_it(site: Path, tmp_path: Path) -> None:
    code = "import sys; from zsl.cli import main; main(['list']); assert not {'birdlab', 'torch'} & set(sys.modules)"
    done = run(tmp_path, "-c", code, site=site)
    assert done.returncode == 0, done.stderr
    assert re.search(r"cosine_ridge +Ridge regression of class embeddings", done.stdout)
    assert re.search(r"plumage +Draw birds", done.stdout)


def test_a_run_of_it_has_a_result_that_says_its_version(trained: Path) -> None:
    result = json.loads((trained / "run" / "result.json").read_text(encoding="utf-8"))
    assert (result["method"], result["data"], result["versions"]["birdlab"]) == ("cosine_ridge", "plumage", "0.1.0")
    assert result["selection"]["chosen"]["method.lamb"] in (0.01, 1.0, 100.0)


def test_its_saved_model_is_asked_where_it_is_installed_and_refused_elsewhere(site: Path, trained: Path) -> None:
    done = run(trained, "-m", "zsl", "predict", "run", "x.npy", "--format", "csv", site=site)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    refused = run(trained, "-m", "zsl", "predict", "run", "x.npy")
    assert refused.returncode == 2
    assert "the plug-in 'birdlab' is missing: install it, or name its folder" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_its_contracts_are_held_without_pytest(site: Path, tmp_path: Path) -> None:
    code = (
        "import sys, zsl.testing; from birdlab import plumage; from birdlab.cosine_ridge import CosineRidge\n"
        "assert 'pytest' not in sys.modules and 'hypothesis' not in sys.modules\n"
        "zsl.testing.check_method(CosineRidge, search={'lamb': [0.01, 1.0]})\n"
        "zsl.testing.check_data(plumage.load)\n"
    )
    done = run(tmp_path, "-c", code, site=site)
    assert done.returncode == 0, done.stderr


def test_its_own_tests_pass(site: Path, tmp_path: Path) -> None:
    tests = Path(shutil.copytree(SOURCE / "tests", tmp_path / "tests"))
    done = run(tmp_path, "-m", "pytest", "-q", str(tests), site=site)
    assert done.returncode == 0, done.stdout


def test_the_page_shows_the_files_that_there_are() -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (tree,) = re.findall(r"```text\n(pyproject\.toml\n.*?)```", page, re.DOTALL)
    assert {line.split()[0] for line in tree.splitlines()} == files(SOURCE)
    said = (SOURCE / "pyproject.toml").read_text(encoding="utf-8")
    for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        assert all(line.strip() in said for line in block.splitlines()), block
