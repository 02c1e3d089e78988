"""A whole run of f-CLSWGAN on CUB's shapes at paper size, by itself and as eight seeds; empty lines without a GPU."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import torch

from tests.benchmarks.generators import DIMS, data
from tests.benchmarks.timing import Timing
from zsl.data.training_set import TrainingSet
from zsl.fit import Loop, fit
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.random_streams import Stream
from zsl.together import Run, fit_together

SEEDS = 8
WHOLE = "f-CLSWGAN on CUB's shapes, training, synthesis and classifiers"
TOGETHER = f"the same, {SEEDS} seeds together"
GOALS = {WHOLE: "≤ 60 s", TOGETHER: "≤ 3 × one"}


def run() -> list[Timing]:
    """The table's lines."""
    if not torch.cuda.is_available():
        return [Timing(what, None, None, None, "no accelerator here", goal) for what, goal in GOALS.items()]
    train, loop = data(), Loop(accelerator="gpu", progress_bar=False)
    one(train, loop, epochs=1)
    alone, peak_alone = _measured(partial(one, train, loop))
    together, peak_together = _measured(partial(several, train, loop))
    return [
        Timing(WHOLE, alone, alone, alone, f"peak memory {peak_alone:.1f} GB", GOALS[WHOLE]),
        Timing(
            TOGETHER,
            together,
            together,
            together,
            f"{together / alone:.1f} × one, peak memory {peak_together:.1f} GB",
            GOALS[TOGETHER],
        ),
    ]


def one(train: TrainingSet, loop: Loop, **changes: int) -> None:
    """Its defaults are the paper's."""
    torch.manual_seed(0)
    fit(FCLSWGAN(DIMS, **changes), train, loop, 0)  # type: ignore[arg-type]


def several(train: TrainingSet, loop: Loop, **changes: int) -> None:
    """Eight at once."""
    runs = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        runs.append(Run(FCLSWGAN(DIMS, **changes), replace(train), seed, Stream.of(seed)))  # type: ignore[arg-type]
    fit_together(runs, loop)
    assert all(run.diverged is None for run in runs)


def _measured(action: partial[None]) -> tuple[float, float]:
    """Seconds, and the most memory of the device that was held, in GB."""
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    start = time.perf_counter()
    action()
    torch.cuda.synchronize()
    return time.perf_counter() - start, torch.cuda.max_memory_allocated() / 1e9
