"""Provenance of a result: versions of packages and the git commit."""

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
    """Return the versions of Python, zsl and the installed `DISTRIBUTIONS` that numbers depend on; imports nothing."""
    found = {"python": platform.python_version(), "zsl": zsl.__version__}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit(tree: Path = Path(zsl.__file__).parents[1]) -> str | None:
    """Return the commit of the source tree of zsl, with ``-dirty`` where code or configuration differ from the commit.

    Returns:
        None for an installed wheel (also where its environment lies within another repository), without git, and
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
    """Return the output of git, None where it fails; ignores GIT_DIR, which a hook sets for another repository."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(tree), *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
