"""A job of a multirun on disk: its folder, whether it has a result, and what became of it if it has none."""

from __future__ import annotations

import json
import logging
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from zsl.config.overrides import written
from zsl.errors import InputError
from zsl.files import checks
from zsl.files.atomic import remove_unfinished, write_text
from zsl.files.redaction import without_secrets
from zsl.files.regular_file import read_json
from zsl.outputs import result as results
from zsl.outputs.identity import identity
from zsl.outputs.result import Result

log = logging.getLogger(__name__)

NAME = "job.json"
LOCK = ".lock"
NOT_REPEATED = ("paths.output=", "resume=", "rerun=")
"""overrides that a command which runs one job again does not take over"""
_STRING = checks.matching("(?s).*", "a string")
_FIELDS = checks.record(
    {
        "overrides": checks.sequence(_STRING),
        "identity": checks.matching("[0-9a-f]*", "hexadecimal digits"),
        "fingerprints": checks.mapping(checks.matching("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits")),
        "error": checks.optional(_STRING),
        "traceback": checks.optional(_STRING),
    },
    absent=("fingerprints", "error", "traceback"),
)


@dataclass(frozen=True)
class Unfinished:
    """``job.json``: what a folder says of a job without a result. Without an ``error`` the job was begun, no more."""

    overrides: Sequence[str]
    identity: str
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """of the data it was begun on"""
    error: str | None = None
    """one line"""
    traceback: str | None = None
    """of an error that nobody foresaw"""

    def write(self, folder: Path) -> None:
        """Write ``folder/job.json`` by one rename, without secrets."""
        write_text(folder / NAME, json.dumps(without_secrets(asdict(self)), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Unfinished:
        """Read ``folder/job.json``.

        Raises:
            InputError: the file is absent, damaged, or not of this form.
        """
        path = folder / NAME
        cure = "launch the sweep again to run this job from the start"
        try:
            content = read_json(path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); {cure}") from error
        for key, cause in _FIELDS("", content):
            raise InputError(f"{path}: {key}: {cause}; {cure}")
        return cls(**content)

    @classmethod
    def find(cls, folder: Path) -> Unfinished | None:
        """Read ``folder/job.json``; None where it is absent or damaged."""
        try:
            return cls.read(folder)
        except InputError:
            return None


def verified(folder: Path, of: str, fingerprints: Callable[[], Mapping[str, str]]) -> Result | None:
    """The result that is in a folder, if it is whole, of the configuration of this identity, and of the data that are
    there now.
    """
    path = folder / results.NAME
    if not path.is_file():
        return None
    try:
        found = results.read(path)
    except InputError as error:
        log.warning("%s; it is", error)
        return None
    return found if identity(found.config) == of and found.fingerprints == fingerprints() else None


@dataclass(frozen=True)
class Job:
    """One job: the folder follows from its configuration alone, so that whoever launches it again meets it again."""

    folder: Path
    identity: str
    overrides: tuple[str, ...]

    @classmethod
    def of(cls, config: Mapping[str, Any], choices: Mapping[str, Any], output: Path, overrides: Sequence[str]) -> Job:
        """``output/<method>-<data>-seed<seed>-<identity>``; the names are those that were chosen from the groups."""
        same = identity(config)
        name = f"{choices.get('method')}-{choices.get('data')}-seed{config.get('seed')}-{same}"
        return cls(output / re.sub(r"[^\w.-]", "_", name), same, tuple(overrides))

    @property
    def command(self) -> str:
        """The command that runs it alone, into the same folder; for who typed its overrides."""
        return shlex.join(["zsl", "train", "-m", *self.repeated, self.place])

    @property
    def repeated(self) -> list[str]:
        """The overrides of this command, without secrets."""
        return without_secrets([override for override in self.overrides if not override.startswith(NOT_REPEATED)])

    @property
    def place(self) -> str:
        """The override that leads it into the same folder."""
        return written("paths.output", str(self.folder.parent))

    @property
    def checkpoints(self) -> Path:
        """Where its run leaves what it can go on from."""
        return self.folder / "checkpoints" / self.identity

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Whether the job is this process's until the end; False where another process is at it.

        Raises:
            InputError: the folder cannot be written.
        """
        lock = FileLock(self.folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise InputError(f"{self.folder / LOCK}: cannot be written ({error.strerror}); free the space") from error
        try:
            yield True
        finally:
            with suppress(OSError):
                (self.folder / LOCK).unlink()
            lock.release()

    def is_claimed(self) -> bool:
        """Whether some process is at it."""
        if not (self.folder / LOCK).is_file() or (self.folder / LOCK).is_symlink():
            return False
        with self.claimed() as free:
            return not free

    def result(self, wanted: Sequence[str], fingerprints: Callable[[], Mapping[str, str]]) -> Result | None:
        """Its result, if that is whole, of this configuration and of the data that are there now, with the ``wanted``
        files beside it, and if nothing was begun since.
        """
        if (self.folder / NAME).exists() or not all((self.folder / name).is_file() for name in wanted):
            return None
        return verified(self.folder, self.identity, fingerprints)

    def begin(self, fingerprints: Mapping[str, str], again: bool) -> bool:
        """Note that the job is begun on these data; whether it goes on from what an earlier attempt left.

        What an attempt left that was killed while it wrote is removed, and all it left, where it is of other data or
        the job is to be run ``again``.
        """
        remove_unfinished(self.folder)
        before = Unfinished.find(self.folder)
        resume = not again and before is not None and before.fingerprints == fingerprints
        if not resume:
            shutil.rmtree(self.checkpoints, ignore_errors=True)
            self.checkpoints.mkdir(parents=True)
        Unfinished(self.overrides, self.identity, fingerprints).write(self.folder)
        return resume and any(self.checkpoints.iterdir())

    def fail(self, error: str, traceback: str | None = None) -> None:
        """Note why there is no result; of a job that was not begun since it had one, nothing."""
        before = Unfinished.find(self.folder)
        if before is None and (self.folder / results.NAME).exists():
            return
        prints = before.fingerprints if before else {}
        Unfinished(self.overrides, self.identity, prints, error, traceback).write(self.folder)

    def finish(self) -> None:
        """There is a result."""
        (self.folder / NAME).unlink(missing_ok=True)
