"""Versions and commits."""

from __future__ import annotations

import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

import zsl
from zsl.outputs import provenance

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(tree: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(tree), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Repository with one commit, independent of the repository that the tests run in."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "zsl").mkdir()
    (tmp_path / "zsl" / "model.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_versions_are_those_of_the_installed_distributions() -> None:
    found = provenance.versions()
    assert found["zsl"] == zsl.__version__
    assert found["torch"] == version("torch")
    assert {"python", "numpy", "scipy", "pytorch-lightning"} <= set(found)


def test_a_distribution_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "DISTRIBUTIONS", ("numpy", "surely-not-installed"))
    assert set(provenance.versions()) == {"python", "zsl", "numpy"}


@needs_git
def test_commit_says_whether_code_differs_from_it(tree: Path) -> None:
    head = git(tree, "rev-parse", "HEAD")
    assert provenance.commit(tree) == head
    (tree / "notes.txt").write_text("beside the code")
    assert provenance.commit(tree) == head
    (tree / "zsl" / "method.py").write_text("not committed")
    assert provenance.commit(tree) == f"{head}-dirty"


@needs_git
def test_commit_is_that_of_the_tree_even_inside_a_hook(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git(tree, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tree / "elsewhere"))
    assert provenance.commit(tree) == head


@needs_git
def test_a_wheel_inside_a_foreign_repository_has_no_commit(tree: Path) -> None:
    installed = tree / "venv" / "site-packages"
    installed.mkdir(parents=True)
    assert provenance.commit(installed) is None


@needs_git
def test_a_repository_without_commits_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_DIR", raising=False)
    git(tmp_path, "init", "-q")
    assert provenance.commit(tmp_path) is None


@needs_git
def test_without_git_there_is_no_commit(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.commit(tree) is None
