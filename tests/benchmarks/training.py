"""ESZSL and ALE at CUB's true size (synthetic features); the loop against a bare one that does the same steps."""

from __future__ import annotations

from collections import deque

import torch

from tests.benchmarks.timing import Timing, measure
from zsl.class_embeddings.attributes import Attributes
from zsl.data.protocol import EmbeddedDataset, Stage, final
from zsl.data.training_set import Batches
from zsl.datasets.synthetic import load
from zsl.evaluation.evaluate import evaluate
from zsl.evaluation.scoring import score
from zsl.methods.compatibility.ale import ALE
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

LOOP = Loop(progress_bar=False)


def run() -> list[Timing]:
    """7,057 training images × 2,048 features, 150 seen classes × 312 attributes."""
    dataset = load(name="cub", shape="cub")
    stage = final(EmbeddedDataset(dataset, Attributes().fit, "l2", "l2"))
    dims = Dimensions(*stage.dims)
    train = stage.training(ESZSL.setting)
    closed = measure("ESZSL fit, CUB size", lambda: fit(ESZSL(dims), train, LOOP, 0), runs=3)
    bare = measure("ALE epoch, bare loop, CUB size", lambda: _bare(stage), runs=3)
    looped = measure(
        "ALE epoch, Lightning, CUB size", lambda: fit(ALE(dims, epochs=1), train, LOOP, 0), runs=3, beside=bare
    )
    model = fit(ESZSL(dims), train, LOOP, 0)
    scored = score(model, stage.held_out)
    made = measure("scores of all test images, CUB size", lambda: deque(scored.gzsl.blocks(), 0), runs=3)
    tested = measure(
        "every metric, CUB size", lambda: evaluate(scored.zsl, scored.gzsl), runs=3, beside=closed, goal="≥ 1 ×"
    )
    return [closed, bare, looped, made, tested]


def _bare(stage: Stage) -> None:
    model = ALE(Dimensions(*stage.dims), epochs=1)
    (optimizer,) = [model.configure_optimizers()]
    for batch in Batches(stage.training(ALE.setting), model.batch_size, 0):
        optimizer.zero_grad()
        loss = model.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        assert torch.isfinite(loss)
