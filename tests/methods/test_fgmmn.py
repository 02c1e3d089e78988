"""f-GMMN: the maximum mean discrepancy by loops over pairs, batches, and steps written out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests import worlds
from tests.methods.adversarial import LOOP, SMALL, adam, assert_same_weights, descend, double, trained
from zsl.data.protocol import final
from zsl.methods.generative.fgmmn import FGMMN, OneClassDraws
from zsl.methods.method import Dimensions
from zsl.training.fit import fit

STAGE = final(worlds.source())


def build(**changes: Any) -> FGMMN:
    torch.manual_seed(1)
    return FGMMN(Dimensions(*STAGE.dims), **{**SMALL, "n_classes": 3, "epochs": 2, **changes})


def kernel(a: Tensor, b: Tensor, width: float) -> float:
    squared = sum((p - q) ** 2 for p, q in zip(a.tolist(), b.tolist(), strict=True))
    return sum(math.exp(-squared / (2**j * width)) for j in (-3, -2, -1, 0, 1))


def slow_discrepancy(x: Tensor, z: Tensor, width: float) -> float:
    def mean(one: Tensor, other: Tensor) -> float:
        return sum(kernel(a, b, width) for a in one for b in other) / len(one) / len(other)

    return mean(x, x) - 2 * mean(x, z) + mean(z, z)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.floats(0.1, 10), st.floats(0.1, 10), st.integers(0, 99))
def test_the_discrepancy_is_that_of_all_pairs(n: int, d: int, bandwidth: float, c: float, seed: int) -> None:
    torch.manual_seed(seed)
    model = build(bandwidth=bandwidth).double()
    model.c.fill_(c)
    real, fake = torch.randn(2, n, d).double(), torch.randn(2, n, d).double()
    expected = [slow_discrepancy(x, z, bandwidth * c) for x, z in zip(real, fake, strict=True)]
    torch.testing.assert_close(
        model.discrepancy(real, fake), torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-12
    )
    assert model.discrepancy(real, real.flip(1)).abs().max() < 1e-12, "the same set in another order"


def test_the_unit_of_widths_is_the_mean_squared_distance_of_images() -> None:
    model, train = build().double(), double(STAGE.training(FGMMN.setting))
    model.batches(train, 0)
    x = train.examples.inputs
    total = sum(((a - b) ** 2).sum().item() for a in x for b in x)
    assert model.c.item() == pytest.approx(total / len(x) ** 2)


def test_every_batch_is_of_one_class_and_classes_come_as_often_as_their_images() -> None:
    train = STAGE.training(FGMMN.setting)
    draws, count = OneClassDraws(train, 4, 500, 0), torch.zeros(len(train.classes))
    seen = set()
    for batch in draws:
        assert batch.x.shape == (500, 4, STAGE.dims[0])
        assert (batch.y == batch.y[:, :1]).all()
        count += torch.bincount(batch.y[:, 0], minlength=len(count))
        seen |= {tuple(row) for row in batch.x.flatten(0, 1).tolist()}
    share = torch.bincount(train.examples.labels, minlength=len(count)) / len(train.examples)
    torch.testing.assert_close(count / count.sum(), share, rtol=0, atol=0.02)
    assert len(seen) == len(train.examples), "every image comes up"


@pytest.mark.parametrize("output", ["relu", "linear"])
def test_steps_descend_the_mean_root_by_adam(output: str) -> None:
    model = build(output=output).double()
    slow, model, steps = trained(model, double(STAGE.training(model.setting)))
    assert isinstance(slow, FGMMN)
    slow.c.copy_(model.c)
    optimizer = adam([slow.generator], slow.lr)
    for batch, state in steps:
        torch.set_rng_state(state)
        phi = batch.classes.embeddings[batch.y]
        z = torch.randn(*batch.y.shape, slow.generator.noise, dtype=phi.dtype)
        roots = []
        for x, rows in zip(batch.x, torch.cat([z, phi], 2), strict=True):
            both = torch.cat([x, slow.generator.layers(rows)])
            squared = (both[:, None] - both[None]).square().sum(dim=2)
            K = torch.stack([torch.exp(-squared / (2.0**j * slow.c)) for j in (-3, -2, -1, 0, 1)]).sum(dim=0)
            n = len(x)
            roots.append((K[:n, :n].mean() - 2 * K[:n, n:].mean() + K[n:, n:].mean()).sqrt())
        descend(optimizer, torch.stack(roots).mean())
    assert_same_weights(model, slow)


@pytest.mark.parametrize("n", [64, 1024])
def test_half_precision_leaves_the_discrepancy_and_its_gradient(n: int) -> None:
    torch.manual_seed(0)
    model = build()
    model.c.fill_(2 * 4 * 0.05**2)
    x = 1 + 0.05 * torch.randn(n, 4)
    found = []
    for enabled in (False, True):
        fake = (x[torch.randperm(n, generator=torch.Generator().manual_seed(1))] + 0.001).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            value = model.discrepancy(x, fake)
        found.append((value.detach(), torch.autograd.grad(value, fake)[0]))
    assert found[0][1].abs().max() > 0
    for plain, half in zip(*found, strict=True):
        torch.testing.assert_close(half, plain)


def test_features_of_a_class_come_to_lie_where_its_images_do() -> None:
    train = STAGE.training(FGMMN.setting)
    model = fit(build(output="linear", hidden=32, epochs=40), train, LOOP, 0)
    assert isinstance(model, FGMMN)
    x, y = train.examples.inputs, train.examples.labels
    means = torch.stack([x[y == i].mean(dim=0) for i in train.classes.seen_ids])
    made = torch.stack(
        [model.synthesize(p.expand(200, -1)).mean(dim=0) for p in train.classes.embeddings[train.classes.seen_ids]]
    )
    assert (torch.cdist(made, means).argmin(dim=1) == torch.arange(len(means))).all()
