"""Location of ``conf/`` and ``experiments/``, and the names that can be chosen from them and from those of plug-ins."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

import zsl
from zsl.config.plugins import folders

EXPERIMENTS = "experiments"
log = logging.getLogger(__name__)

PLACES = {"backbone": "backbone@data.backbone"}
"""group -> how its choice is written where it is a part of another"""


def tree() -> Path:
    """Return the folder that holds ``conf/`` and ``experiments/``: the package in a wheel, its parent in a checkout."""
    package = Path(zsl.__file__).parent
    return package if (package / "conf").is_dir() else package.parent


def roots() -> tuple[Path, ...]:
    """Return the folders that hold groups: ``conf/``, then those of plug-ins.

    Of two files of one name the first is used; the first call warns of the other.
    """
    return _warned((tree() / "conf", *folders()))


def files(group: str, pattern: str = "*.yaml") -> dict[str, Path]:
    """Return name -> file of every choice of a group; with ``**/*.yaml`` also of the groups below it, by their path."""
    found: dict[str, Path] = {}
    for root in roots():
        folder = _folder(root, group)
        for path in folder.glob(pattern):
            found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return dict(sorted(found.items()))


def choices() -> dict[str, list[str]]:
    """Return the names in every group, and those of the experiments."""
    groups = sorted({folder.name for root in roots() for folder in root.iterdir() if folder.is_dir()} - {EXPERIMENTS})
    return {group: [*files(group)] for group in (*groups, EXPERIMENTS)}


def _folder(root: Path, group: str) -> Path:
    return tree() / EXPERIMENTS if root == tree() / "conf" and group == EXPERIMENTS else root / group


@cache
def _warned(every: tuple[Path, ...]) -> tuple[Path, ...]:
    for i, root in enumerate(every):
        for path in (*root.glob("*/*.yaml"), *root.glob("*/*/*.yaml")) if i else ():
            group, _, name = path.relative_to(root).as_posix().partition("/")
            hiding = next((place for before in every[:i] if (place := _folder(before, group) / name).is_file()), None)
            if hiding is not None:
                log.warning("%s is not used: %s has the same name; rename it", path, hiding)
    return every
