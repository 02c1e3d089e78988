"""Somebody else's run, and what tells that something in its files was called: a mark is made, or a secret shown."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.untrusted.attacks import ENVIRONMENT
from zsl.cli import main

TRAIN = ["train", "data=synthetic", "method=fclswgan", "method.hidden=16", "method.critic_hidden=16", "method.epochs=2"]


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that somebody may ask for features."""
    folder = tmp_path_factory.mktemp("generator") / "run"
    assert main([*TRAIN, "method.features_per_class=5", "save.model=true", f"paths.output={folder}"]) == 0
    return folder


@pytest.fixture
def stranger(generator: Path, tmp_path: Path) -> Path:
    """A copy of it, to be tampered with."""
    return Path(shutil.copytree(generator, tmp_path / "stranger"))


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret in the environment, and a module that makes the mark as soon as it is imported."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    mark = tmp_path / "mark"
    (tmp_path / "evil.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nBoom = dict\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "evil", raising=False)
