"""How long a person waits for the command line itself."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.timing import Timing, measure


def run() -> list[Timing]:
    """``zsl --help`` in a process of its own."""
    call = [sys.executable, "-c", "from zsl.cli import main; main(['--help'])"]
    return [measure("zsl --help", lambda: subprocess.run(call, check=False, capture_output=True), goal="< 0.5 s")]
