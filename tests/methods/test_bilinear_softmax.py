"""The softmax loss against exponentials one by one, and its minimum against logistic regression of scikit-learn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from tests.methods.one_at_a_time import random_batch, random_training_set
from zsl.methods.compatibility.bilinear_softmax import BilinearSoftmax
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 8),
    d=st.integers(1, 5),
    k=st.integers(1, 5),
    s=st.integers(1, 7),
    seed=st.integers(0, 10**6),
    temperature=st.floats(0.05, 5),
)
def test_loss_and_gradient_follow_the_definition(n: int, d: int, k: int, s: int, seed: int, temperature: float) -> None:
    """∂loss/∂W = mean_n Σ_y (p(y | x_n) - [y = y_n]) x_n φ(y)ᵀ / τ"""
    torch.manual_seed(seed)
    model = BilinearSoftmax(Dimensions(d, k, s), temperature=temperature).double()
    batch = random_batch(n, d, k, s, seed)
    W, phi = model.W.detach().numpy(), batch.classes.embeddings.numpy()
    expected, gradient = 0.0, np.zeros_like(W)
    for x, y in zip(batch.x.numpy(), batch.y.tolist(), strict=True):
        logits = [float(x @ W @ row) / temperature for row in phi]
        total = sum(math.exp(logit - max(logits)) for logit in logits)
        expected += (math.log(total) + max(logits) - logits[y]) / n
        for c, row in enumerate(phi):
            p = math.exp(logits[c] - max(logits)) / total
            gradient += (p - (c == y)) * np.outer(x, row) / (temperature * n)
    loss = model.loss(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-10)
    assert model.W.grad is not None
    np.testing.assert_allclose(model.W.grad.numpy(), gradient, rtol=1e-9, atol=1e-10)


def test_with_one_hot_embeddings_it_is_multinomial_logistic_regression() -> None:
    """mean CE + λ/2 ‖W‖² is scikit-learn's objective with C = 1/(nλ), and no intercept."""
    train, lamb = random_training_set(n=60, d=4, k=3, s=3), 0.05
    train = replace(train, classes=replace(train.classes, embeddings=torch.eye(3, dtype=torch.float64)))
    x, y = train.examples.inputs.numpy(), train.examples.labels.numpy()
    model = BilinearSoftmax(
        Dimensions(4, 3, 3), lr=0.5, epochs=400, batch_size=60, temperature=1.0, momentum=0.5, weight_decay=lamb
    ).double()
    fit(model, train, Loop(progress_bar=False), seed=0)
    foreign = LogisticRegression(C=1 / (60 * lamb), fit_intercept=False, tol=1e-10, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(model.W.detach().numpy().T, foreign.coef_, atol=1e-5)
