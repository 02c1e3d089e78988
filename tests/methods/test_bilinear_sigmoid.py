"""The sigmoid loss against pairs one by one, its bias included, and where that bias starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.methods.one_at_a_time import random_batch
from zsl.methods.compatibility.bilinear_sigmoid import BilinearSigmoid
from zsl.methods.method import Dimensions


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 8),
    d=st.integers(1, 5),
    k=st.integers(1, 5),
    s=st.integers(1, 7),
    seed=st.integers(0, 10**6),
    temperature=st.floats(0.05, 5),
    bias=st.floats(-5, 5),
)
def test_loss_and_gradients_follow_the_definition(
    n: int, d: int, k: int, s: int, seed: int, temperature: float, bias: float
) -> None:
    """∂/∂logit = -z σ(-z logit), which W sees through x φ(y)ᵀ / τ and b as it is."""
    torch.manual_seed(seed)
    model = BilinearSigmoid(Dimensions(d, k, s), temperature=temperature).double()
    model.bias.data.fill_(bias)
    batch = random_batch(n, d, k, s, seed)
    W = model.W.detach().numpy()
    expected, by_W, by_bias = 0.0, np.zeros_like(W), 0.0
    for x, y in zip(batch.x.numpy(), batch.y.tolist(), strict=True):
        for c, row in enumerate(batch.classes.embeddings.numpy()):
            z = 1 if c == y else -1
            logit = float(x @ W @ row) / temperature + bias
            expected += np.logaddexp(0, -z * logit) / n
            slope = -z * np.exp(-np.logaddexp(0, z * logit)) / n
            by_W += slope * np.outer(x, row) / temperature
            by_bias += slope
    loss = model.loss(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-10)
    assert model.W.grad is not None
    assert model.bias.grad is not None
    np.testing.assert_allclose(model.W.grad.numpy(), by_W, rtol=1e-9, atol=1e-10)
    assert model.bias.grad.item() == pytest.approx(by_bias, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("s", [1, 2, 10, 150])
def test_the_bias_starts_at_the_log_odds_that_a_pair_fits(s: int) -> None:
    """At F = 0 each pair is then right with probability 1/s, as drawn at random, and the bias is at rest."""
    model = BilinearSigmoid(Dimensions(3, 2, s)).double()
    model.W.data.zero_()
    assert model.bias.sigmoid().item() == pytest.approx(1 / max(2, s), rel=1e-6)
    model.loss(random_batch(4, 3, 2, s, seed=0)).backward()  # type: ignore[no-untyped-call]
    assert model.bias.grad is not None
    assert s == 1 or model.bias.grad.item() == pytest.approx(0, abs=1e-6)
