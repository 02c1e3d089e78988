"""ALE, DeViSE, SJE and LATEM at CUB's true size: an epoch in batches against loops over images with the same updates.

Both loops are tested to take the very steps of training with batches of one image. The first is what the definition
says, a product of three and an outer product for every class; the second is the best that numpy can do for a single
image, all classes at once. They are timed on a few images, and the time is scaled to the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tests.benchmarks.timing import Timing, measure
from tests.methods import one_at_a_time
from zsl.class_embeddings.attributes import Attributes
from zsl.data.protocol import EmbeddedDataset, final
from zsl.datasets.synthetic import load
from zsl.methods.compatibility.ale import ALE
from zsl.methods.compatibility.bilinear import BilinearSGD
from zsl.methods.compatibility.devise import DeViSE
from zsl.methods.compatibility.latem import LATEM
from zsl.methods.compatibility.sje import SJE
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

LOOP = Loop(progress_bar=False)
METHODS: list[tuple[type[BilinearSGD], one_at_a_time.Weigh]] = [
    (ALE, one_at_a_time.ale),
    (DeViSE, one_at_a_time.devise),
    (SJE, one_at_a_time.sje),
    (LATEM, one_at_a_time.latem),
]


def run() -> list[Timing]:
    """7,057 training images × 2,048 features, 150 seen classes × 312 attributes."""
    dataset = load(name="cub", shape="cub")
    stage = final(EmbeddedDataset(dataset, Attributes().fit, "l2", "l2"))
    dims, train = Dimensions(*stage.dims), stage.training(ALE.setting)
    images = list(zip(train.examples.inputs.numpy(), train.examples.labels.tolist(), strict=True))
    phi = train.classes.embeddings.numpy()

    def epoch_of(method: type[BilinearSGD]) -> Callable[[], object]:
        return lambda: fit(method(dims, epochs=1), train, LOOP, 0)  # type: ignore[call-arg]

    def loop_of(
        method: type[BilinearSGD], weigh: one_at_a_time.Weigh, gradient: one_at_a_time.Gradient, few: int
    ) -> Timing:
        model = method(dims)  # type: ignore[call-arg]
        W = one_at_a_time.maps(model)

        def steps() -> np.ndarray:
            return one_at_a_time.train(W, images[:few], phi, 1.0, weigh, model.lr, model.momentum, gradient=gradient)

        timing = measure("", steps, runs=3)
        scale = len(images) / few
        what = f"{method.__name__} epoch, {gradient.__name__.replace('_', ' ')}, CUB size, from {few} images"
        return replace(
            timing, what=what, median=timing.median * scale, least=timing.least * scale, most=timing.most * scale
        )

    timings = []
    for method, weigh in METHODS:
        slow = loop_of(method, weigh, one_at_a_time.by_class, 10)
        lean = loop_of(method, weigh, one_at_a_time.projected_once, 100)
        what = f"{method.__name__} epoch, in batches, CUB size"
        batches = measure(what, epoch_of(method), runs=3, beside=slow, goal="≥ 100 ×")
        again = f"; {lean.median / batches.median:.1f} × as fast as projected once"
        timings += [slow, lean, replace(batches, beside=batches.beside.split(",")[0] + " by class" + again)]
    return timings
