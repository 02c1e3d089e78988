"""Thumbnails of emoji classes, from packages in the cache; nothing is fetched."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from zsl.datasets.emoji import VARIANTS, classes
from zsl.datasets.emoji_drawings import svg
from zsl.datasets.emoji_packages import integrity, packages, read_json
from zsl.errors import InputError

STYLES = ("twemoji", "noto")
"""styles in order of preference, by the size of their files"""
LARGEST = 8192
"""the largest number of bytes of a drawing; larger drawings are left out"""
NAMES = {"emoji" if variant == "small" else f"emoji_{variant}": variant for variant in VARIANTS}


def thumbnails(data: str, names: Sequence[str], cache: Path) -> dict[str, str]:
    """Return class -> drawing as a ``data:`` URL, for the ``names`` that are classes of ``data`` and in the cache.

    Only packages with the pinned hash are opened.
    """
    if data not in NAMES:
        return {}
    style = next((name for name in STYLES if _is_pinned(cache, name)), None)
    if style is None:
        return {}
    try:
        icons = read_json(cache / "emoji" / "packages" / packages()[style].tarball, "icons.json")
        rows = {row.name: row for row in classes(NAMES[data])}
        drawn = (name for name in names if name in rows and style in rows[name].drawings)
        found = {name: svg(icons, rows[name].drawings[style]) for name in drawn}
    except InputError:
        return {}
    return {
        name: f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}"
        for name, drawing in found.items()
        if len(drawing) <= LARGEST
    }


def _is_pinned(cache: Path, style: str) -> bool:
    package = packages()[style]
    file = cache / "emoji" / "packages" / package.tarball
    try:
        return file.is_file() and integrity(file) == package.integrity
    except OSError:
        return False
