"""ESZSL against its objective and against the Sylvester-like normal equation, both derived anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.method import Dimensions


def training(n: int, d: int, k: int, s: int, seed: int) -> TrainingSet:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(s), torch.randint(0, s, (n,), generator=generator)])
    classes = LabelSpace(
        tuple(map(str, range(s))), torch.randn(s, k, generator=generator), torch.ones(s, dtype=torch.bool)
    )
    x = torch.randn(n + s, d, generator=generator)
    return TrainingSet(Examples(x.double(), labels), classes.to("cpu", torch.float64))


shapes = {
    "n": st.integers(0, 12),
    "d": st.integers(1, 6),
    "k": st.integers(1, 5),
    "s": st.integers(1, 5),
    "seed": st.integers(0, 10**6),
    "gamma": st.floats(0.05, 20),
    "lamb": st.floats(0.05, 20),
    "coding": st.sampled_from(["0,1", "-1,1"]),
}


@settings(deadline=None, max_examples=40)
@given(**shapes)
def test_the_gradient_of_the_objective_vanishes(
    n: int, d: int, k: int, s: int, seed: int, gamma: float, lamb: float, coding: str
) -> None:
    """‖XWSᵀ - Y‖² + γ‖WSᵀ‖² + λ‖XW‖² + γλ‖W‖² is strictly convex, so a zero gradient is the minimum."""
    train = training(n, d, k, s, seed)
    model = ESZSL(Dimensions(d, k, s), gamma, lamb, coding).double()  # type: ignore[arg-type]
    model.finalize(train)
    X, S = train.examples.inputs.double(), train.classes.embeddings.double()
    Y = torch.full((len(X), s), 0.0 if coding == "0,1" else -1.0, dtype=torch.float64)
    for i, label in enumerate(train.examples.labels):
        Y[i, label] = 1.0
    W = model.W.detach().clone().requires_grad_()
    objective = (
        ((X @ W @ S.T - Y) ** 2).sum()
        + gamma * ((W @ S.T) ** 2).sum()
        + lamb * ((X @ W) ** 2).sum()
        + gamma * lamb * (W**2).sum()
    )
    (gradient,) = torch.autograd.grad(objective, W)
    assert gradient.abs().max() <= 1e-8 * max(1.0, float((X.T @ Y @ S).abs().max()))


@settings(deadline=None, max_examples=20)
@given(**shapes)
def test_it_solves_the_kronecker_system(
    n: int, d: int, k: int, s: int, seed: int, gamma: float, lamb: float, coding: str
) -> None:
    """(SᵀS + λI) ⊗ (XᵀX + γI) vec(W) = vec(XᵀYS), solved as one dense system."""
    train = training(n, d, k, s, seed)
    model = ESZSL(Dimensions(d, k, s), gamma, lamb, coding).double()  # type: ignore[arg-type]
    model.finalize(train)
    X, S = train.examples.inputs.double().numpy(), train.classes.embeddings.double().numpy()
    low = 0.0 if coding == "0,1" else -1.0
    Y = np.where(train.examples.labels.numpy()[:, None] == np.arange(s), 1.0, low)
    system = np.kron(S.T @ S + lamb * np.eye(k), X.T @ X + gamma * np.eye(d))
    W = np.linalg.solve(system, (X.T @ Y @ S).ravel(order="F")).reshape(d, k, order="F")
    np.testing.assert_allclose(model.W.detach().numpy(), W, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("key", ["gamma", "lamb"])
@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "1", True])
def test_penalties_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}="):
        ESZSL(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]


def test_an_unknown_coding_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"method.coding=1,0 is unknown; choose one of 0,1, -1,1"):
        ESZSL(Dimensions(3, 2, 2), coding="1,0")  # type: ignore[arg-type]
