"""Grids of closed forms at the true sizes of the five benchmarks, and the memory that they take."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import numpy as np
import torch

from tests.benchmarks.timing import Timing, resident
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.datasets.benchmark_shapes import SHAPES
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.compatibility.sae import SAE
from zsl.methods.method import Dimensions

GRID = list(itertools.product(np.logspace(-3, 3, 7).tolist(), repeat=2))
PATH = np.logspace(-4, 4, 100).tolist()
GRIDS = {"ESZSL 7 × 7": (ESZSL, GRID), "SAE path of 100": (SAE, [(lamb,) for lamb in PATH])}
BENCHMARKS = ("sun", "cub", "awa1", "awa2", "apy")


def run() -> list[Timing]:
    """Both grids on every benchmark, on the same features one after the other, so that the second finds what the first
    decomposed; their solutions counted. Generating the data is not timed."""
    seconds = [_seconds(name) for name in BENCHMARKS]
    timings = [_timing(f"{what}, {', '.join(BENCHMARKS)}", sum(part[what] for part in seconds)) for what in GRIDS]
    timings.append(_timing("both grids, five benchmarks", sum(sum(part.values()) for part in seconds), goal="< 10 s"))
    peak = float(subprocess.check_output([sys.executable, "-m", __name__], text=True))
    return [*timings, _timing("peak memory, both grids, AWA2 size, GB", peak / 1e3, goal="< 2.5 GB")]


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


def _seconds(name: str) -> dict[str, float]:
    dims, data = train(name)
    seconds = {}
    for what, (kind, points) in GRIDS.items():
        start = time.perf_counter()
        solved = sum(1 for _ in kind.solve_grid(data, (kind(dims, *point) for point in points)))
        seconds[what] = time.perf_counter() - start
        assert solved == len(points)
    return seconds


def _timing(what: str, value: float, goal: str = "") -> Timing:
    return Timing(what, value, value, value, goal=goal)


if __name__ == "__main__":
    _seconds("awa2")
    sys.stdout.write(str(resident("VmHWM")))
