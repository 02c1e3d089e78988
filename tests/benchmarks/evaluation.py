"""Evaluation at the size of ImageNet, in a process of its own, beside the product of features and classes alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch

from tests.benchmarks.timing import Timing, resident
from zsl.data.label_space import LabelSpace
from zsl.evaluation.evaluate import calibrate, evaluate
from zsl.evaluation.scoring import ModelScores
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.method import Dimensions

THREADS = 2
EMBEDDING = 500


@dataclass(frozen=True)
class Size:
    """Test images, their number of features, seen and unseen classes."""

    images: int
    features: int
    seen: int
    unseen: int
    goal: str

    @property
    def name(self) -> str:
        """Images × classes."""
        return f"{self.images:,} × {self.seen + self.unseen:,}"


SIZES = (
    Size(50_000, 2048, 800, 200, "≤ 5 s"),
    Size(20_000, 2048, 1_000, 20_000, "≥ 0.33 × (3 times the product)"),
)


def run() -> list[Timing]:
    """Every metric of a GZSL test, γ and temperature on as many validation images, and the memory that it takes."""
    timings = []
    for place, size in enumerate(SIZES):
        command = [sys.executable, "-m", __name__, str(place)]
        found = json.loads(subprocess.check_output(command, text=True))
        product = Timing(f"product alone, {size.name}", *[found["product"]] * 3)
        beside = f"{found['product'] / found['evaluate']:.2f} × as fast as the product alone"
        timings += [
            product,
            Timing(f"every metric, {size.name}", *[found["evaluate"]] * 3, beside, size.goal),
            Timing(f"γ and temperature, {size.name}", *[found["calibrate"]] * 3),
            Timing(f"memory beyond the features, {size.name}, GB", *[found["memory"]] * 3, goal="≤ 0.5"),
        ]
    return timings


def measured(size: Size) -> dict[str, float]:
    """Measure one size: images of the unseen half of the test are scored twice, as in every run."""
    torch.set_num_threads(THREADS)
    generator = torch.Generator().manual_seed(0)
    classes = size.seen + size.unseen
    phi = torch.randn(classes, EMBEDDING, generator=generator)
    model = ESZSL(Dimensions(size.features, EMBEDDING, size.seen, size.unseen))
    with torch.no_grad():
        model.W.copy_(torch.randn(size.features, EMBEDDING, generator=generator) / size.features)
    x = torch.randn(size.images, size.features, generator=generator)
    space = LabelSpace(tuple(map(str, range(classes))), phi, torch.arange(classes) < size.seen)
    labels = np.random.default_rng(0).integers(0, classes, size.images)
    half = size.images // 2
    labels[:half], labels[half:] = labels[:half] % size.seen, size.seen + labels[half:] % size.unseen
    every = ModelScores(model, space, labels, lambda start, stop: x[start:stop])
    unseen = ModelScores(
        model,
        space.take(space.unseen_ids),
        labels[half:] - size.seen,
        lambda start, stop: x[half + start : half + stop],
    )
    before = resident("VmHWM")
    start = time.perf_counter()
    for stream in (every, unseen):
        for _ in stream.blocks():
            pass
    product = time.perf_counter() - start
    start = time.perf_counter()
    calibration = calibrate(every)
    calibrated = time.perf_counter() - start
    start = time.perf_counter()
    evaluate(unseen, every, calibration=calibration)
    evaluated = time.perf_counter() - start
    memory = (resident("VmHWM") - before) / 1e3
    return {"product": product, "evaluate": evaluated, "calibrate": calibrated, "memory": memory}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(SIZES[int(sys.argv[1])])))
