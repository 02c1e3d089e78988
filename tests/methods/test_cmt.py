"""CMT's map written out in numpy, and its gradients by differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch
from zsl.errors import InputError
from zsl.methods.method import Dimensions
from zsl.methods.transfer.cmt import CMT


def batch(n: int, d: int, k: int, s: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    phi = torch.randn(s, k, generator=generator, dtype=torch.float64)
    classes = LabelSpace(tuple(map(str, range(s))), phi, torch.ones(s, dtype=torch.bool))
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return Batch(x, torch.randint(0, s, (n,), generator=generator), classes)


def mapped(model: CMT, x: torch.Tensor) -> np.ndarray:
    """W₂ tanh(W₁x + b₁) + b₂, one image at a time."""
    W1, b1, W2, b2 = (p.detach().numpy() for p in model.parameters())
    return np.array([W2 @ np.tanh(W1 @ row + b1) + b2 for row in x.numpy()])


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 6), d=st.integers(1, 5), k=st.integers(1, 5), s=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_scores_and_loss_are_squared_distances(n: int, d: int, k: int, s: int, seed: int) -> None:
    torch.manual_seed(seed)
    model = CMT(Dimensions(d, k, s), hidden=4).double()
    b = batch(n, d, k, s, seed)
    f, phi = mapped(model, b.x), b.classes.embeddings.numpy()
    expected = [[-sum((u - v) ** 2 for u, v in zip(row, point, strict=True)) for point in phi] for row in f]
    np.testing.assert_allclose(model.scores(b.x, b.classes).detach().numpy(), expected, atol=1e-10)
    own = -sum(expected[i][y] for i, y in enumerate(b.y.tolist())) / n
    assert model.loss(b).item() == pytest.approx(own, rel=1e-9)


def test_gradients_are_those_of_the_loss() -> None:
    torch.manual_seed(0)
    model, b = CMT(Dimensions(3, 2, 4), hidden=3).double(), batch(5, 3, 2, 4, 0)
    model.loss(b).backward()
    for parameter in model.parameters():
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            value, losses = float(flat[i]), []
            for step in (1e-6, -1e-6):
                flat[i] = value + step
                f, target = mapped(model, b.x), b.classes.embeddings.numpy()[b.y.numpy()]
                losses.append(((f - target) ** 2).sum() / len(f))
            flat[i] = value
            assert parameter.grad is not None
            assert float(parameter.grad.view(-1)[i]) == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden", 0),
        ("hidden", 2.5),
        ("lr", 0.0),
        ("lr", math.nan),
        ("epochs", 0),
        ("batch_size", -1),
        ("weight_decay", -0.1),
        ("weight_decay", math.inf),
    ],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}: must be"):
        CMT(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
