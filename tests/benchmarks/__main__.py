"""Run every benchmark, or those that are named, print one table, and write ``bench.json``."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.benchmarks import (
    accelerator,
    adversarial,
    cache,
    command_line,
    evaluation,
    extraction,
    generators,
    grids,
    imagenet,
    memory,
    ranking,
    sweeps,
    training,
)
from tests.benchmarks.timing import Timing

BENCHMARKS = (
    command_line,
    cache,
    extraction,
    training,
    evaluation,
    ranking,
    generators,
    adversarial,
    accelerator,
    grids,
    sweeps,
    memory,
    imagenet,
)


NAMED = {benchmark.__name__.rpartition(".")[2]: benchmark for benchmark in BENCHMARKS}


def main(output: Path, names: Sequence[str] = ()) -> None:
    """Measure, show, write."""
    timings: list[Timing] = []
    measured = [NAMED[name] for name in names or NAMED]
    for benchmark in track(measured, "Measuring", console=Console(stderr=True), transient=True):
        timings += benchmark.run()
    table = Table("what", "median s", "min", "max", "beside", "goal", box=None, padding=(0, 2, 0, 0))
    for timing in timings:
        table.add_row(
            timing.what,
            *("" if value is None else f"{value:.4f}" for value in (timing.median, timing.least, timing.most)),
            timing.beside,
            timing.goal,
        )
    Console(width=150).print(table)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    record = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": platform.machine(), "threads": torch.get_num_threads(), "accelerator": device},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "timings": [asdict(timing) for timing in timings],
    }
    output.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("output", nargs="?", type=Path, default=Path("bench.json"), help="default: bench.json")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMED))
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in NAMED]:
        parser.error(f"there is no benchmark {unknown[0]}; choose from {', '.join(NAMED)}")
    main(given.output, given.names)
