"""A fake npm: a program on PATH that serves tarballs from a folder. Everything else about packages is real."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from zsl.datasets.emoji_packages import Package

NPM = """#!{python}
import os, pathlib, shutil, sys
registry = pathlib.Path({registry!r})
with open(registry / "calls", "a") as calls:
    calls.write(sys.argv[2] + "\\n")
if (registry / "error").exists():
    sys.exit("npm error code " + (registry / "error").read_text())
name = sys.argv[2].lstrip("@").replace("/", "-").replace("@", "-") + ".tgz"
shutil.copy(registry / name, sys.argv[sys.argv.index("--pack-destination") + 1])
"""

Registry = Callable[[str, Mapping[str, object]], Package]


def tarball(members: Mapping[str, object]) -> bytes:
    """Make a tarball as npm does: JSON files in ``package/``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, value in members.items():
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A fake npm on PATH that serves packages from ``folder``, records its calls, and can be set to fail."""
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "npm"
    program.write_text(NPM.format(python=sys.executable, registry=str(folder)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def publish(name: str, members: Mapping[str, object]) -> Package:
        content = tarball(members)
        digest = f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
        package = Package(f"@scope/{name}", "1.0.0", digest, name, "An Author", "https://example.org", "MIT")
        (folder / package.tarball).write_bytes(content)
        return package

    return publish


def calls(folder: Path) -> list[str]:
    file = folder / "calls"
    return file.read_text().split() if file.exists() else []
