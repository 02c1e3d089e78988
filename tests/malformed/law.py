"""What holds for every malformed input: one line that names cause and cure, status 2, and nothing left behind.

A case builds its input in an empty folder and gives the command line; `hold` runs the command in a process of its own
with this folder as the working folder, a cache and a folder for temporary files that are both empty, and no
``ZSL_DATA_ROOT``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import zsl

SECONDS = 10.0
"""after which a command is killed and the case has failed"""
OUTPUT = "runs"
"""the folder below the working folder that a command of status 0 may write to"""
HARMLESS = re.compile(r"torchinductor_\w+(/.*)?")
"""what torch makes in the folder for temporary files as soon as it is imported"""

Build = Callable[[Path], Sequence[str]]
"""an empty folder to put files into -> the arguments of ``zsl``, with paths relative to that folder"""


@dataclass(frozen=True)
class Case:
    """One input and what must come of it.

    Attributes:
        name: the test's id; unique in its module.
        build: writes the input, gives the command line.
        status: 2, or 0 where the input is unusual but can be read; None where damage at random may leave it readable.
        says: what the error line (or, with status 0, standard output and error) must contain.
        environment: changes to the environment of the command; None removes a variable. ``{folder}`` in a value stands
            for the working folder.
    """

    name: str
    build: Build
    status: int | None = 2
    says: Sequence[str] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)


def hold(case: Case, root: Path) -> str:
    """Run the case below the empty folder ``root`` and assert the law; what the command wrote to standard error.

    With status 2: exactly one line, ``zsl: error: …``, without control characters, nothing on standard output, and no
    file that was not there before, but for whole entries and locks of the cache. With status 0: no control characters,
    no traceback and no warning of a library in either stream, and no file that was not there but below ``runs``.
    """
    work, cache, scratch = (root / name for name in ("work", "cache", "scratch"))
    for folder in (work, cache, scratch):
        folder.mkdir(parents=True)
    arguments = case.build(work)
    environment: dict[str, str | None] = {
        "ZSL_CACHE": str(cache),
        "ZSL_DATA_ROOT": None,
        "TMPDIR": str(scratch),
        "HOME": str(root),
        "COLUMNS": "100000",
        **{key: value and value.replace("{folder}", str(work)) for key, value in case.environment.items()},
    }
    before = state(work)
    outside = {path.name for path in root.iterdir()}
    done = zsl(*arguments, cwd=work, env=environment, timeout=SECONDS)
    told = f"{case.name}: zsl {' '.join(map(str, arguments))}\nstatus {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode in ((0, 2) if case.status is None else (case.status,)), told
    assert "Traceback" not in done.stdout + done.stderr, told
    assert not controls(done.stdout + done.stderr), f"{controls(done.stdout + done.stderr)!r} in {told}"
    if done.returncode:
        assert done.stderr.startswith("zsl: error: "), told
        assert done.stderr.endswith("\n"), told
        assert done.stderr.count("\n") == 1, told
        assert done.stdout == "", told
        assert state(work) == before, (told, changed(before, state(work)))
    else:
        assert not re.search(r"\b\w*Warning:", done.stderr), told
        left = {path for path in changed(before, state(work)) if path.partition("/")[0] != OUTPUT}
        assert not left, (told, left)
    assert not (left := {name for name in state(scratch) if not HARMLESS.fullmatch(name)}), (told, left)
    assert not (left := {name for name in state(cache) if unfinished(name)}), (told, left)
    assert not (left := {path.name for path in root.iterdir()} - outside), (told, left)
    for words in case.says:
        assert words in done.stdout + done.stderr, f"{words!r} is not in {told}"
    return done.stderr


def state(folder: Path) -> dict[str, tuple[int, ...]]:
    """Every path below with what a change of it would show in; nothing is opened, for some are pipes."""
    found = {}
    for path in folder.rglob("*"):
        it = path.lstat()
        size = 0 if path.is_dir() else it.st_size
        found[str(path.relative_to(folder))] = (it.st_mode, it.st_ino, size, 0 if path.is_dir() else it.st_mtime_ns)
    return found


def changed(before: Mapping[str, tuple[int, ...]], after: Mapping[str, tuple[int, ...]]) -> set[str]:
    """Paths that are new, gone or different."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def unfinished(path: str) -> bool:
    """Whether a path of the cache is a temporary file or lies in a temporary folder; locks stay."""
    return any(part.startswith(".") for part in Path(path).parts) and not path.endswith(".lock")


def controls(text: str) -> list[str]:
    """Characters in a text that a terminal obeys instead of showing them; line breaks and tabs are none."""
    return [char for char in text if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
