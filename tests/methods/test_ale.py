"""ALE's loss against a loop over images and classes, and its steps against gradients written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import worlds
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import Batch, Batches
from zsl.errors import InputError
from zsl.fit import Loop, fit
from zsl.methods.compatibility.ale import ALE
from zsl.model import Dimensions


def batch(n: int, d: int, k: int, s: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    classes = LabelSpace(
        tuple(map(str, range(s))),
        torch.randn(s, k, generator=generator, dtype=torch.float64),
        torch.ones(s, dtype=torch.bool),
    )
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return Batch(x, torch.randint(0, s, (n,), generator=generator), classes)


def slow_loss_and_gradient(W: np.ndarray, b: Batch, margin: float) -> tuple[float, np.ndarray]:
    """The definition, one image and one class at a time."""
    total, gradient = 0.0, np.zeros_like(W)
    phi = b.classes.embeddings.numpy()
    for x, y in zip(b.x.numpy(), b.y.tolist(), strict=True):
        scores = [float(x @ W @ row) for row in phi]
        violated = [c for c in range(len(phi)) if c != y and margin + scores[c] - scores[y] > 0]
        r = len(violated)
        weight = sum(1 / i for i in range(1, r + 1)) / r if r else 0.0
        for c in violated:
            total += weight * (margin + scores[c] - scores[y])
            gradient += weight * np.outer(x, phi[c] - phi[y])
    return total / len(b.y), gradient / len(b.y)


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 8),
    d=st.integers(1, 5),
    k=st.integers(1, 5),
    s=st.integers(1, 7),
    seed=st.integers(0, 10**6),
    margin=st.floats(0.01, 5),
)
def test_loss_and_gradient_follow_the_definition(n: int, d: int, k: int, s: int, seed: int, margin: float) -> None:
    torch.manual_seed(seed)
    model = ALE(Dimensions(d, k, s), margin=margin).double()
    b = batch(n, d, k, s, seed)
    loss = model.loss(b)
    loss.backward()
    expected, gradient = slow_loss_and_gradient(model.W.detach().numpy(), b, margin)
    assert loss.item() == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert model.W.grad is not None
    np.testing.assert_allclose(model.W.grad.numpy(), gradient, rtol=1e-6, atol=1e-9)


def test_training_is_stochastic_gradient_descent_with_momentum() -> None:
    """Two epochs of the loop equal the update rule written out: v ← μv + g, W ← W - ηv."""
    stage = final(worlds.source())
    torch.manual_seed(0)
    model = ALE(Dimensions(*stage.dims), lr=0.3, epochs=2, batch_size=7, momentum=0.5)
    W, v = model.W.detach().double().numpy().copy(), 0.0
    train = stage.training(model.setting)
    batches = Batches(train, 7, seed=5)
    for _ in range(2):
        for b in batches:
            double = Batch(b.x.double(), b.y, b.classes.to("cpu", torch.float64))
            v = 0.5 * v + slow_loss_and_gradient(W, double, 1.0)[1]
            W = W - 0.3 * v
    fit(model, train, Loop(progress_bar=False), seed=5)
    np.testing.assert_allclose(model.W.detach().numpy(), W, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr", 0.0),
        ("lr", math.nan),
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_size", -3),
        ("batch_size", 2.5),
        ("margin", 0.0),
        ("margin", math.inf),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("weight_decay", -1.0),
        ("lr", "fast"),
    ],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        ALE(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
