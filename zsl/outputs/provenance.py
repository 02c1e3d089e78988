"""What a result was made with: versions and the commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import zsl

DISTRIBUTIONS = ("torch", "pytorch-lightning", "numpy", "scipy", "scikit-learn", "gensim", "hydra-core", "optuna")
SOURCES = ("zsl", "conf", "experiments")


def versions() -> dict[str, str]:
    """Python, zsl, and the distributions that numbers depend on, as far as they are installed; nothing is imported."""
    found = {"python": platform.python_version(), "zsl": zsl.__version__}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit(tree: Path = Path(zsl.__file__).parents[1]) -> str | None:
    """The commit of the source tree that zsl was imported from, ``-dirty`` where code or configuration differ from it.

    None in an installed wheel (also when its environment lies within some other repository), without git, and
    before the first commit.
    """
    if not (tree / ".git").exists():
        return None
    head = _git(tree, "rev-parse", "--verify", "HEAD")
    changes = _git(tree, "status", "--porcelain", "--", *SOURCES)
    if head is None or changes is None:
        return None
    return f"{head}-dirty" if changes else head


def _git(tree: Path, *arguments: str) -> str | None:
    """What git says, None where it cannot; a hook's GIT_DIR must not lead it to another repository."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(tree), *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
