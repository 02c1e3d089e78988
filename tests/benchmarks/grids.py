"""Grids of closed forms at the true sizes of the five benchmarks, and the memory that they take."""

from __future__ import annotations

import itertools
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch

from tests.benchmarks.timing import Timing
from zsl.data.benchmark_shapes import SHAPES
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.compatibility.sae import SAE
from zsl.model import Dimensions

GRID = list(itertools.product(np.logspace(-3, 3, 7).tolist(), repeat=2))
PATH = np.logspace(-4, 4, 100).tolist()
GRIDS = {"ESZSL 7 × 7": (ESZSL, GRID), "SAE path of 100": (SAE, [(lamb,) for lamb in PATH])}
BENCHMARKS = ("sun", "cub", "awa1", "awa2", "apy")


def run() -> list[Timing]:
    """Every grid on every benchmark, its solutions counted; generating the data is not timed."""
    seconds = {what: [_seconds(what, name) for name in BENCHMARKS] for what in GRIDS}
    timings = [_timing(f"{what}, {', '.join(BENCHMARKS)}", [sum(parts)]) for what, parts in seconds.items()]
    timings.append(_timing("both grids, five benchmarks", [sum(map(sum, seconds.values()))], goal="< 10 s"))
    for what in GRIDS:
        peak = int(subprocess.check_output([sys.executable, "-m", __name__, what], text=True))
        timings.append(Timing(f"peak memory, {what}, AWA2 size, GB", *[peak / 1e6] * 3, goal="< 2.5 GB"))
    return timings


def train(name: str) -> tuple[Dimensions, TrainingSet]:
    """Features of length 1 around class means, none below 0, at the true size of a benchmark's trainval."""
    shape = SHAPES[name]
    s, n = shape.train.classes + shape.val.classes, shape.train.train + shape.val.train
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(s, shape.features, generator=generator)
    labels = torch.arange(n) % s
    x = torch.randn(n, shape.features, generator=generator).add_(means[labels]).clamp_(min=0)
    x /= x.norm(dim=1, keepdim=True)
    phi = torch.nn.functional.normalize(torch.rand(s, shape.attributes, generator=generator), dim=1)
    classes = LabelSpace(tuple(map(str, range(s))), phi, torch.ones(s, dtype=torch.bool))
    return Dimensions(shape.features, shape.attributes, s), TrainingSet(Examples(x, labels), classes)


def _seconds(what: str, name: str) -> float:
    dims, data = train(name)
    start = time.perf_counter()
    solved = sum(1 for _ in _solve(what, dims, data))
    seconds = time.perf_counter() - start
    assert solved == len(GRIDS[what][1])
    return seconds


def _solve(what: str, dims: Dimensions, data: TrainingSet) -> Iterator[ESZSL | SAE]:
    kind, points = GRIDS[what]
    return kind.solve_grid(data, (kind(dims, *point) for point in points))


def _timing(what: str, seconds: list[float], goal: str = "") -> Timing:
    return Timing(what, float(np.median(seconds)), min(seconds), max(seconds), goal=goal)


if __name__ == "__main__":
    _seconds(sys.argv[1], "awa2")
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
