"""A job of a multirun on disk: its folder, its lock, its result, and its state while it has no result."""

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
from zsl.config.plugins import flags, named_folder
from zsl.errors import InputError
from zsl.files import checks
from zsl.files.atomic import remove_unfinished, write_text
from zsl.files.redaction import without_secrets
from zsl.files.regular_file import read_json
from zsl.outputs import result as results
from zsl.outputs.identity import identity
from zsl.outputs.result import Result
from zsl.selection.space import EMBEDDING

log = logging.getLogger(__name__)

NAME = "job.json"
LOCK = ".lock"
NOT_REPEATED = ("paths.output=", "resume=", "rerun=")
"""overrides that are left out of the command which runs one job again"""
_STRING = checks.matching("(?s).*", "a string")
_FIELDS = checks.record(
    {
        "overrides": checks.sequence(_STRING),
        "identity": checks.matching("[0-9a-f]*", "hexadecimal digits"),
        "fingerprints": checks.mapping(checks.matching("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits")),
        "error": checks.optional(_STRING),
        "traceback": checks.optional(_STRING),
        "config_dir": checks.optional(_STRING),
    },
    absent=("fingerprints", "error", "traceback", "config_dir"),
)


@dataclass(frozen=True)
class Unfinished:
    """Content of ``job.json``: the state of a job without a result. Without ``error``, the job was begun only."""

    overrides: Sequence[str]
    identity: str
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """fingerprints of the data that the job was begun on"""
    error: str | None = None
    """message of one line"""
    traceback: str | None = None
    """traceback of an error that is no InputError"""
    config_dir: str | None = None
    """folder of choices that was named when the job was launched"""

    def write(self, folder: Path) -> None:
        """Write ``folder/job.json`` atomically, without secrets."""
        write_text(folder / NAME, json.dumps(without_secrets(asdict(self)), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Unfinished:
        """Read ``folder/job.json``, without secrets, since another version or program may have written them.

        Raises:
            InputError: the file is missing, damaged, or lacks a field.
        """
        path = folder / NAME
        cure = "launch the sweep again to run this job from the start"
        try:
            content = read_json(path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); {cure}") from error
        for key, cause in _FIELDS("", content):
            raise InputError(f"{path}: {key}: {cause}; {cure}")
        return cls(**without_secrets(content))

    @classmethod
    def find(cls, folder: Path) -> Unfinished | None:
        """Read ``folder/job.json``; return None if it is missing or damaged."""
        try:
            return cls.read(folder)
        except InputError:
            return None


def verified(folder: Path, of: str, fingerprints: Callable[[], Mapping[str, str]]) -> Result | None:
    """Return the result in a folder if it is undamaged, of the configuration ``of`` and of the current data; else None.

    Args:
        folder: folder of the run.
        of: identity of the configuration.
        fingerprints: computes the fingerprints of the current data.
    """
    path = folder / results.NAME
    if not path.is_file():
        return None
    try:
        found = results.read(path)
    except InputError as error:
        log.warning("%s; it is", error)
        return None
    same = identity(found.config) == of and _comparable(found, found.fingerprints) == _comparable(found, fingerprints())
    return found if same else None


def _comparable(found: Result, fingerprints: Mapping[str, str]) -> dict[str, str]:
    """Return fingerprints without that of the class embeddings, where a run has chosen among these itself."""
    chosen = any(key.startswith(EMBEDDING) for key in found.selection.chosen)
    return {key: value for key, value in fingerprints.items() if not (chosen and key == "class_embeddings")}


@dataclass(frozen=True)
class Job:
    """One job of a multirun; its folder depends only on its configuration, so a relaunched job finds its files."""

    folder: Path
    identity: str
    overrides: tuple[str, ...]

    @classmethod
    def of(cls, config: Mapping[str, Any], choices: Mapping[str, Any], output: Path, overrides: Sequence[str]) -> Job:
        """Return the job of a configuration, in ``output/<method>-<data>-seed<seed>-<identity>``.

        Args:
            config: the configuration, as built-in types.
            choices: group -> chosen name, from which method and data are taken.
            output: folder of the multirun.
            overrides: overrides of the job.
        """
        same = identity(config)
        name = f"{choices.get('method')}-{choices.get('data')}-seed{config.get('seed')}-{same}"
        return cls(output / re.sub(r"[^\w.-]", "_", name), same, tuple(overrides))

    @property
    def command(self) -> str:
        """Return the shell command that runs the job alone, into the same folder; only for trusted overrides."""
        return shlex.join(["zsl", "train", "-m", *flags(), *self.repeated, self.place])

    @property
    def repeated(self) -> list[str]:
        """Return the overrides of the command that runs the job alone, without secrets."""
        return without_secrets([override for override in self.overrides if not override.startswith(NOT_REPEATED)])

    @property
    def place(self) -> str:
        """Return the override of ``paths.output`` that gives the job the same folder."""
        return written("paths.output", str(self.folder.parent))

    @property
    def checkpoints(self) -> Path:
        """Return the folder of the files from which the job can be resumed."""
        return self.folder / "checkpoints" / self.identity

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Hold the lock of the job, and yield True; yield False if another process holds the lock.

        Raises:
            InputError: the folder cannot be written to.
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
        """Tell whether a process runs the job."""
        if not (self.folder / LOCK).is_file() or (self.folder / LOCK).is_symlink():
            return False
        with self.claimed() as free:
            return not free

    def result(self, wanted: Sequence[str], fingerprints: Callable[[], Mapping[str, str]]) -> Result | None:
        """Return the result of the job if nothing has to be computed; else None.

        The result must be undamaged, of the job's configuration and of the current data, the ``wanted`` files must
        exist, and the job must not have been begun again since.

        Args:
            wanted: names of further files that the job writes.
            fingerprints: computes the fingerprints of the current data.
        """
        if (self.folder / NAME).exists() or not all((self.folder / name).is_file() for name in wanted):
            return None
        return verified(self.folder, self.identity, fingerprints)

    def begin(self, fingerprints: Mapping[str, str], again: bool) -> bool:
        """Write ``job.json`` for a job that begins; return whether it resumes from files of an earlier attempt.

        Temporary files of a killed attempt are removed. Checkpoints of an earlier attempt are removed too if they are
        of other data, or if ``again`` is set.

        Args:
            fingerprints: fingerprints of the data.
            again: whether to run the job from the start.
        """
        remove_unfinished(self.folder)
        before = Unfinished.find(self.folder)
        resume = not again and before is not None and before.fingerprints == fingerprints
        if not resume:
            shutil.rmtree(self.checkpoints, ignore_errors=True)
            self.checkpoints.mkdir(parents=True)
        Unfinished(self.overrides, self.identity, fingerprints, config_dir=named_folder()).write(self.folder)
        return resume and any(self.checkpoints.iterdir())

    def fail(self, error: str, traceback: str | None = None) -> None:
        """Write the error to ``job.json``, unless the job has a result and was not begun again since."""
        before = Unfinished.find(self.folder)
        if before is None and (self.folder / results.NAME).exists():
            return
        prints = before.fingerprints if before else {}
        Unfinished(self.overrides, self.identity, prints, error, traceback, named_folder()).write(self.folder)

    def finish(self) -> None:
        """Remove ``job.json``, because the job has a result."""
        (self.folder / NAME).unlink(missing_ok=True)
