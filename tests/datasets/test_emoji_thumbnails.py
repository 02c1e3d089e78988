"""Thumbnails from packages in a cache, and nothing where there are none."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from zsl.datasets import emoji_thumbnails
from zsl.datasets.emoji import classes
from zsl.datasets.emoji_packages import Package
from zsl.datasets.emoji_thumbnails import LARGEST, thumbnails

from .emoji_registry import tarball

NAMES = [row.name for row in classes("small")[:3]]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with one package, that draws the first three classes, the third with too many strokes."""
    absent = Package("@scope/twemoji", "1.0.0", "", "Twemoji", "An Author", "https://example.org", "MIT")
    bodies = ['<path d="M0 0h9v9z"/>', "<circle r='5'/>", '<path d="M0 0h9v9z"/>' * LARGEST]
    drawings = [row.drawings["noto"] for row in classes("small")[:3]]
    icons = {name: {"body": body} for name, body in zip(drawings, bodies, strict=True)}
    content = tarball({"icons.json": {"prefix": "noto", "icons": icons}})
    digest = f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
    package = Package("@scope/noto", "1.0.0", digest, "Noto", "An Author", "https://example.org", "MIT")
    monkeypatch.setattr(emoji_thumbnails, "packages", lambda: {"noto": package, "twemoji": absent})
    folder = tmp_path / "emoji" / "packages"
    folder.mkdir(parents=True)
    (folder / package.tarball).write_bytes(content)
    return tmp_path


def test_drawings_of_the_classes_asked_for(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("nothing is fetched"))
    found = thumbnails("emoji", [*NAMES, "no such class"], cache)
    assert list(found) == NAMES[:2]
    kind, content = found[NAMES[0]].split(",")
    assert kind == "data:image/svg+xml;base64"
    drawing = ElementTree.fromstring(base64.b64decode(content).decode())
    assert [child.get("d") for child in drawing] == ["M0 0h9v9z"]


def test_nothing_where_there_is_nothing(cache: Path, tmp_path: Path) -> None:
    assert thumbnails("cub", NAMES, cache) == {}
    assert thumbnails("emoji", NAMES, tmp_path / "elsewhere") == {}
    (file,) = (cache / "emoji" / "packages").iterdir()
    file.write_bytes(file.read_bytes()[:50])
    assert thumbnails("emoji", NAMES, cache) == {}


def test_a_package_of_other_content_is_not_opened(cache: Path) -> None:
    (file,) = (cache / "emoji" / "packages").iterdir()
    drawing = {classes("small")[0].drawings["noto"]: {"body": "<script/>"}}
    file.write_bytes(tarball({"icons.json": {"prefix": "noto", "icons": drawing}}))
    assert thumbnails("emoji", NAMES, cache) == {}
