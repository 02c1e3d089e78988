"""The command line in a process of its own, forked from one that has imported it: nothing is paid twice for imports.

The server of :mod:`multiprocessing.forkserver` imports :data:`PRELOADED` once and computes nothing, so that it has no
threads and no open parallel region when it forks. A child is a session and a process group of its own, has the streams
and the exit status that ``python -m zsl`` would have, and shares the seed of string hashes with every other child: what
must hold between different seeds needs a true process.
"""

from __future__ import annotations

import atexit
import io
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import reduction, util
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NoReturn

Environment = Mapping[str, str | None]
"""changes to the environment; None removes a variable"""

PRELOADED = [
    "pytest",
    "hypothesis",
    "zsl.cli",
    "zsl.runs.run",
    "zsl.cli.train",
    "zsl.runs.multirun",
    "zsl.runs.search",
    "zsl.selection.optuna.plan",
    "zsl.selection.optuna.storage",
    "zsl.selection.optuna.study",
    "zsl.cli.data_sets",
    "zsl.runs.synthesis",
    "zsl.tracking.csv",
    "zsl.reporting.report",
    "hydra.main",
    "hydra._internal.utils",
    "hydra._internal.hydra",
    "hydra.core.plugins",
    "scipy.optimize",
    "scipy.special",
    "scipy.io",
    "scipy.stats",
    "h5py",
    "torch",
    "torch._dynamo",
    "pytorch_lightning",
    "optuna.storages",
]
"""what the server imports before it forks; nothing among them may start a thread"""

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Running:
    """A child, with the names of :class:`subprocess.Popen`.

    Attributes:
        args: what it was started with.
        pid: its number, and that of its process group.
        returncode: its status as a shell sees it, negative for a signal; None while it runs.
    """

    def __init__(
        self,
        function: Callable[..., object],
        args: Sequence[Any],
        cwd: str | Path | None,
        env: Environment | None,
        stdout: int | None,
    ) -> None:
        self.args = args
        environment = {**os.environ, **(env or {})}
        self._out, self._err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115
        streams = self._out.fileno() if stdout is None else stdout, self._err.fileno()
        self._process = context().Process(
            target=_child,
            args=(
                *map(_Descriptor, streams),
                str(cwd or Path.cwd()),
                {key: value for key, value in environment.items() if value is not None},
                function,
                *args,
            ),
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        RUNNING.add(self)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """The status, or None while it runs."""
        if (status := self.returncode) is not None:
            RUNNING.discard(self)
        return status

    def wait(self, timeout: float | None = 60.0) -> int:
        """Wait for the end; what takes longer is killed.

        Raises:
            TimeoutExpired: it did not end in time; with what it had written.
        """
        if not wait([self._process.sentinel], timeout):
            self.kill_group()
            self._process.join()
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0, self.stdout, self.stderr)
        self._process.join()
        status = self.poll()
        assert status is not None
        return status

    def communicate(self, timeout: float | None = 60.0) -> tuple[str, str]:
        """Wait for the end, and read what it wrote."""
        self.wait(timeout)
        return self.stdout, self.stderr

    @property
    def stdout(self) -> str:
        """What it has written to standard output so far."""
        return _text(self._out)

    @property
    def stderr(self) -> str:
        """What it has written to standard error so far."""
        return _text(self._err)

    def send_signal(self, number: int) -> None:
        """Send a signal to this process, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def kill_group(self) -> None:
        """Send SIGKILL to this process and to all that it has started."""
        self.kill()  # it may not lead a group yet
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


RUNNING: set[Running] = set()


def zsl(
    *arguments: str | Path,
    cwd: str | Path | None = None,
    env: Environment | None = None,
    timeout: float = 60.0,
    stdout: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m zsl`` with these arguments to its end, and hand over its status and what it wrote.

    Args:
        arguments: of the command line.
        cwd: the folder to work in.
        env: changes to the environment.
        timeout: seconds after which it is killed; no test passes or fails by how long something takes below that.
        stdout: a file descriptor to write to in place of a temporary file.

    Raises:
        TimeoutExpired: it did not end in time.
    """
    return _ended(start(*arguments, cwd=cwd, env=env, stdout=stdout), timeout)


def start(
    *arguments: str | Path, cwd: str | Path | None = None, env: Environment | None = None, stdout: int | None = None
) -> Running:
    """Start ``python -m zsl`` with these arguments."""
    return Running(_command, [str(argument) for argument in arguments], cwd, env, stdout)


def call(
    function: Callable[..., object],
    *args: Any,
    cwd: str | Path | None = None,
    env: Environment | None = None,
    timeout: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Run a function of a module in such a process; what it returns is the status, as of :func:`sys.exit`."""
    return _ended(start_call(function, *args, cwd=cwd, env=env), timeout)


def start_call(
    function: Callable[..., object], *args: Any, cwd: str | Path | None = None, env: Environment | None = None
) -> Running:
    """Start a function of a module in such a process."""
    return Running(function, args, cwd, env, None)


def context() -> multiprocessing.context.ForkServerContext:
    """The server, begun with one thread for each library that counts them when it is imported."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOADED)
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
    return found


if multiprocessing.parent_process() is None:
    # sockets lie in this folder; made while a test has put temporary files elsewhere, its path may be too long for them
    util.get_temp_dir()


@atexit.register
def kill_all() -> None:
    """Kill what a failing test has left running: the end of this process would wait for it."""
    for child in tuple(RUNNING):
        child.kill_group()


def _ended(child: Running, timeout: float) -> subprocess.CompletedProcess[str]:
    out, err = child.communicate(timeout)
    assert child.returncode is not None
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def _text(file: Any) -> str:
    """All of a file, without moving the position that the child shares."""
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")


class _Descriptor:
    """A file descriptor on its way to a child."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (reduction.DupFd(self.number),)


def _received(duplicate: Any) -> int:
    return int(duplicate.detach())


def _command(*arguments: str) -> None:
    sys.argv = ["zsl", *arguments]
    runpy.run_module("zsl", run_name="__main__", alter_sys=True)


def _child(
    out: int, err: int, folder: str, environment: dict[str, str], function: Callable[..., object], *args: Any
) -> NoReturn:
    """Become what a shell would have started, run a function, and leave as Python does."""
    os.setsid()
    for number, stream in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    time.tzset()
    os.chdir(folder)
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "utf-8:strict").partition(":")
    raw = [io.FileIO(number, mode, closefd=False) for number, mode in enumerate(("r", "w", "w"))]
    sys.stdin = io.TextIOWrapper(io.BufferedReader(raw[0]), encoding)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw[1]), encoding, errors or "strict")
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(raw[2]), encoding, "backslashreplace", line_buffering=True)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    for number in STOPPING:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    status, interrupted = 1, False
    try:
        sys.exit(function(*args))
    except SystemExit as end:
        status = _status(end.code)
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        sys.excepthook(*sys.exc_info())
    threading._shutdown()
    atexit._run_exitfuncs()
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(_flushed(status))


def _status(code: Any) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _flushed(status: int) -> int:
    """As Python: 120 where the last of standard output could not be written."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        if not sys.stdout.closed:
            sys.stdout.flush()
    except OSError as error:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"Exception ignored in: {sys.stdout!r}\n{type(error).__name__}: {error}\n")
        return 120
    return status
