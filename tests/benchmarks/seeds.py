"""Several seeds of f-CLSWGAN: an iteration of all of them together, and one after another, at CUB's shapes."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from tests.benchmarks.generators import BATCH, CRITICS, DEVICE, DIMS, data, endless, in_turns
from tests.benchmarks.timing import Timing
from zsl.data.training_set import Abreast, TrainingSet
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.random_streams import Stream, side_by_side
from zsl.together import stacked


def run() -> list[Timing]:
    """The table's lines."""
    train = data()
    return [line for hidden in (64, 1024) for seeds in (4, 8) for line in compared(train, seeds, hidden)]


def compared(train: TrainingSet, seeds: int, hidden: int) -> list[Timing]:
    """Both ways, in turns."""
    ways = {"one after another": apart(train, seeds, hidden), "together": together(train, seeds, hidden)}
    seconds = in_turns(ways)
    reference = statistics.median(seconds["one after another"])
    lines = []
    for name, values in seconds.items():
        median = statistics.median(values)
        beside = f"{reference / median:.2f} × as fast as one after another" if name == "together" else ""
        what = f"f-CLSWGAN iteration of {seeds} seeds, hidden {hidden}, {name}"
        lines.append(Timing(what, median, min(values), max(values), beside))
    return lines


def model(seed: int, hidden: int) -> FCLSWGAN:
    torch.manual_seed(seed)
    return FCLSWGAN(DIMS, hidden=hidden, critic_hidden=hidden, n_critic=CRITICS, batch_size=BATCH).to(DEVICE)


def apart(train: TrainingSet, seeds: int, hidden: int) -> Callable[[], object]:
    """A step of each."""
    models = [model(seed, hidden) for seed in range(seeds)]
    adams = [made.configure_optimizers() for made in models]
    batches = [endless(made.batches(train, seed)) for seed, made in enumerate(models)]

    def step() -> object:
        return [made.descend(next(b), *a, Tensor.backward) for made, a, b in zip(models, adams, batches, strict=True)]

    return step


def together(train: TrainingSet, seeds: int, hidden: int) -> Callable[[], object]:
    """One step of all."""
    models = [model(seed, hidden) for seed in range(seeds)]
    stack = cast("FCLSWGAN", stacked(models))
    adams, streams = stack.configure_optimizers(), [Stream.of(seed) for seed in range(seeds)]
    batches = endless(Abreast([made.batches(train, seed) for seed, made in enumerate(models)]))

    def step() -> object:
        with side_by_side(streams):
            return stack.descend(next(batches), *adams, Tensor.backward)

    return step
