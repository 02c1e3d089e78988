"""Count of the ended jobs of a multirun, kept by all its processes together in one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from zsl.files.atomic import locked
from zsl.files.folder import folder
from zsl.files.regular_file import open_regular, read_bytes
from zsl.progress import progress

PREFIX = ".jobs-"
"""beginning of the file's name"""
RUN, KEPT = b"r", b"k"
"""byte in the file for a job that was run, and for one that had a result or is run by another process"""
LARGEST = 1 << 24
"""bytes of the largest file that is read"""


@dataclass
class Series:
    """Multiruns that one command launches one after another, such as the experiments of ``zsl reproduce``."""

    left: int = 1
    """number of launches that have not ended"""
    run: int = 0
    """number of jobs that earlier launches have run"""
    kept: int = 0
    """number of jobs of earlier launches that were not run"""
    started: float = field(default_factory=lambda: progress.clock())
    """time of the first launch in seconds"""


@dataclass(frozen=True)
class Tally:
    """Count of the ended jobs of one launch; it is sent to the processes that run the jobs.

    The first line of the file is the number of jobs, and each byte after it is an ended job. Bytes are appended
    without a lock, because POSIX systems append each of them whole.
    """

    file: Path
    total: int
    """number of jobs of this launch, of earlier ones, and of later ones if they have as many"""
    run: int
    kept: int
    """numbers of jobs of earlier launches, as in :class:`Series`"""
    started: float
    """time of the first launch in seconds"""

    def add(self, kept: bool) -> str:
        """Count a job that has ended; return how many have, as a line; empty after a kept job and after the last."""
        try:
            with self.file.open("ab", buffering=0) as file:
                file.write(KEPT if kept else RUN)
            _, run, not_run = _read(self.file)
        except (OSError, ValueError):  # the disk is full
            return ""
        run, not_run = run + self.run, not_run + self.kept
        if kept or run + not_run >= self.total:
            return ""
        pace = progress.pace(run, self.total - not_run, progress.clock() - self.started)
        return f"{run + not_run} of {self.total} jobs, {pace}\n"


@contextmanager
def tally(output: Path, jobs: int, series: Series) -> Iterator[Tally]:
    """Yield the tally of a launch of this many jobs into ``output``; its file is removed at the end of the block.

    The file is locked for as long as the launch lasts. Files of launches that were killed are removed.

    Raises:
        InputError: the folder cannot be made.
    """
    total = series.run + series.kept + jobs * series.left
    file = output / f"{PREFIX}{uuid4().hex}"
    with folder(output), ExitStack() as opened:
        try:
            for other in output.glob(f"{PREFIX}*"):
                with suppress(OSError, ValueError):  # not a file
                    if _abandoned(other):
                        other.unlink()
            with suppress(OSError):  # the disk is full
                writing = opened.enter_context(file.open("wb", buffering=0))
                locked(writing)
                writing.write(b"%d\n" % jobs)
            yield Tally(file, total, series.run, series.kept, series.started)
        finally:
            with suppress(OSError, ValueError):
                _, run, kept = _read(file)
                series.run, series.kept = series.run + run, series.kept + kept
            series.left -= 1
            with suppress(OSError):
                file.unlink()


def not_ended(folder: Path) -> int:
    """Return the number of jobs that launches into ``folder``, or into folders below it, have not ended yet."""
    count = 0
    for file in folder.rglob(f"{PREFIX}*"):
        with suppress(OSError, ValueError):
            jobs, run, kept = _read(file)
            count += 0 if _abandoned(file) else max(0, jobs - run - kept)
    return count


def _abandoned(file: Path) -> bool:
    """Tell whether the launch that a tally belongs to was killed."""
    with open_regular(file) as found:
        return locked(found)


def _read(file: Path) -> tuple[int, int, int]:
    """Return the numbers of jobs of a launch: all, those run, and those kept."""
    jobs, _, ended = read_bytes(file, LARGEST).partition(b"\n")
    return int(jobs), ended.count(RUN), ended.count(KEPT)
