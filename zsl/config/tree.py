"""Location of ``conf/`` and ``experiments/``, and the names that can be chosen from them."""

from __future__ import annotations

from pathlib import Path

import zsl

PLACES = {"backbone": "backbone@data.backbone"}
"""group -> how its choice is written where it is a part of another"""


def tree() -> Path:
    """Return the folder that holds ``conf/`` and ``experiments/``: the package in a wheel, its parent in a checkout."""
    package = Path(zsl.__file__).parent
    return package if (package / "conf").is_dir() else package.parent


def choices() -> dict[str, list[str]]:
    """Return the names in every group of ``conf/``, and those of the experiments."""
    folders = [*sorted((tree() / "conf").iterdir()), tree() / "experiments"]
    return {folder.name: sorted(path.stem for path in folder.glob("*.yaml")) for folder in folders if folder.is_dir()}
