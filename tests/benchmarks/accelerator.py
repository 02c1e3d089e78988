"""A whole run of f-CLSWGAN on CUB's shapes at paper size, empty lines without a GPU."""

from __future__ import annotations

import time
from functools import partial

import torch

from tests.benchmarks.generators import DIMS, data
from tests.benchmarks.timing import Timing
from zsl.config.experiment import Experiment
from zsl.data.training_set import TrainingSet
from zsl.training.fit import fit
from zsl.training.loop import Loop

WHOLE = "f-CLSWGAN on CUB's shapes, training, synthesis and classifiers"
GOAL = "≤ 60 s"


def run() -> list[Timing]:
    """The table's line."""
    if not torch.cuda.is_available():
        return [Timing(WHOLE, None, None, None, "no accelerator here", GOAL)]
    train, loop = data(), Loop(accelerator="gpu", progress_bar=False)
    one(train, loop, "method.epochs=1")
    alone, peak = _measured(partial(one, train, loop))
    return [Timing(WHOLE, alone, alone, alone, f"peak memory {peak:.1f} GB", GOAL)]


def one(train: TrainingSet, loop: Loop, *changes: str) -> None:
    """As the paper's experiment has it, whose data are not read."""
    torch.manual_seed(0)
    experiment = Experiment.compose(["experiments=fclswgan_xian2018b", "data.root=.", *changes])
    fit(experiment.method(DIMS, {}), train, loop, 0)


def _measured(action: partial[None]) -> tuple[float, float]:
    """Seconds, and the most memory of the device that was held, in GB."""
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    start = time.perf_counter()
    action()
    torch.cuda.synchronize()
    return time.perf_counter() - start, torch.cuda.max_memory_allocated() / 1e9
