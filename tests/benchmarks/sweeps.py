"""What a job of a sweep costs beside its fit, and whether many of them need more memory than a few."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from tests.benchmarks.timing import Timing, resident

if TYPE_CHECKING:
    from zsl.methods.method import ZSLModel

JOBS = (10, 20, 40)
"""of the sweeps that are launched one after the other in one process"""
SWEEP = ["train", "-m", "data=synthetic", "data.shape=cub", "method=eszsl"]


def run() -> list[Timing]:
    """ESZSL at CUB's size, in a process of its own; processor time."""
    measured = json.loads(subprocess.check_output([sys.executable, "-m", __name__], text=True))
    beside = sorted(measured["beside"])
    return [
        Timing(
            "a job of a sweep beside its fit, CUB size", beside[len(beside) // 2], beside[0], beside[-1], "", "< 0.3 s"
        ),
        Timing(f"memory that {JOBS[-1]} further jobs take, MB", *[measured["growth"]] * 3, goal="< 50"),
    ]


def _measure() -> dict[str, float | list[float]]:
    """Seconds of processor time a job, without its fit; and what the last sweep added to the memory in use."""
    from zsl.cli import main
    from zsl.runs import run

    fit, fitting = run.train, [0.0]

    def timed(*arguments: Any, **more: Any) -> ZSLModel:
        start = time.process_time()
        model = fit(*arguments, **more)
        fitting[0] += time.process_time() - start
        return model

    run.train = timed
    beside, memory = [], []
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        for n in JOBS:
            start, before = time.process_time(), fitting[0]
            main([*SWEEP, f"seed=range({n})", f"paths.output={folder}/{n}"])
            beside.append((time.process_time() - start - (fitting[0] - before)) / n)
            memory.append(resident("VmRSS"))
    return {"beside": beside[1:], "growth": memory[-1] - memory[-2]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure()))
