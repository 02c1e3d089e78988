"""The classifiers against scikit-learn and scipy, and their whitening against badly scaled features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from zsl.methods.linear_classifiers import logistic, minimise, platt, softmax, squared_hinge


def features(n: int, d: int, seed: int) -> torch.Tensor:
    """Correlated, far from the origin, and of very different scales."""
    generator = np.random.default_rng(seed)
    scale = 10.0 ** generator.uniform(-2, 2, d)
    return torch.from_numpy((generator.standard_normal((n, d)) @ generator.standard_normal((d, d)) + 3) * scale)


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(6, 30),
    d=st.integers(1, 5),
    m=st.integers(1, 4),
    lamb=st.floats(0.01, 10),
    seed=st.integers(0, 10**6),
)
def test_gradients_vanish_at_the_minimum(n: int, d: int, m: int, lamb: float, seed: int) -> None:
    """Strictly convex objectives, written out once more; the softmax is so up to a constant in all biases."""
    x = features(n, d, seed)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(m + 1), torch.randint(0, m + 1, (n - m - 1,), generator=generator)])
    targets = (torch.arange(n)[:, None] % 2 + torch.zeros(m)).double()
    sign = 2 * targets - 1
    cases = [
        (softmax(x, labels, m + 1, lamb, 1e-10), lambda z: (z.logsumexp(1) - z[torch.arange(n), labels]).sum()),
        (logistic(x, targets, lamb, 1e-10), lambda z: (1 + (-sign * z).exp()).log().sum()),
        (squared_hinge(x, targets, lamb, 1e-10), lambda z: ((1 - sign * z).clamp(min=0) ** 2).sum()),
    ]
    for (W, b), loss in cases:
        W, b = W.clone().requires_grad_(), b.clone().requires_grad_()
        value = loss(x @ W + b) + lamb / 2 * (W**2).sum()
        of_W, of_b = torch.autograd.grad(value, (W, b))
        assert (of_W / x.abs().max(dim=0).values[:, None]).abs().max() < 1e-5 * n
        assert of_b.abs().max() < 1e-5 * n


def test_softmax_is_that_of_scikit_learn() -> None:
    x, labels = features(80, 4, 0) / 10, torch.arange(80) % 3
    W, b = softmax(x, labels, 3, 0.5, 1e-10)
    other = LogisticRegression(C=2.0, tol=1e-10, max_iter=10_000).fit(x.numpy(), labels.numpy())
    expected = other.predict_proba(x.numpy())
    np.testing.assert_allclose((x @ W + b).softmax(dim=1).numpy(), expected, atol=1e-4)


def test_logistic_and_hinge_are_columns_fitted_one_by_one() -> None:
    x = features(60, 3, 1)
    x = (x - x.mean(dim=0)) / x.std(dim=0)
    targets = (torch.randn(60, 4, generator=torch.Generator().manual_seed(0)) + x[:, :1] > 0).double()
    W, b = logistic(x, targets, 0.5, 1e-10)
    V, c = squared_hinge(x, targets, 0.5, 1e-10)
    # scikit-learn penalises the SVM's intercept, divided by intercept_scaling²
    for m, t in enumerate(targets.T.numpy()):
        other = LogisticRegression(C=2.0, tol=1e-10).fit(x.numpy(), t)
        np.testing.assert_allclose(W[:, m].numpy(), other.coef_[0], atol=1e-5)
        assert float(b[m]) == pytest.approx(other.intercept_[0], abs=1e-5)
        svm = LinearSVC(C=2.0, dual=False, tol=1e-10, max_iter=100_000, intercept_scaling=1e4).fit(x.numpy(), t)
        np.testing.assert_allclose(V[:, m].numpy(), svm.coef_[0], atol=1e-4)
        assert float(c[m]) == pytest.approx(svm.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("case", ["noisy", "separable", "one sign", "constant"])
def test_platt_is_the_minimum_of_the_softened_loss(case: str) -> None:
    generator = np.random.default_rng(0)
    z, t = generator.standard_normal(40), np.arange(40) % 2.0
    z = {"noisy": z + 0.5 * t, "separable": np.abs(z) * (2 * t - 1), "one sign": z, "constant": 0 * z + 2}[case]
    t = np.ones(40) if case == "one sign" else t
    soft = np.where(t > 0, (t.sum() + 1) / (t.sum() + 2), 1 / (40 - t.sum() + 2))

    def loss(w: np.ndarray) -> float:
        u = w[0] * z + w[1]
        return float((np.logaddexp(0, u) - soft * u).sum())

    alpha, beta = platt(torch.from_numpy(z)[:, None], torch.from_numpy(t)[:, None])
    found = np.array([alpha.item(), beta.item()])
    assert loss(found) <= minimize(loss, np.zeros(2), method="BFGS").fun + 1e-9


def test_columns_of_platt_are_independent() -> None:
    z = torch.randn(30, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = (z + torch.randn(30, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64) > 0).double()
    together = torch.stack(platt(z, t))
    apart = torch.cat([torch.stack(platt(z[:, [m]], t[:, [m]])) for m in range(5)], dim=1)
    torch.testing.assert_close(together, apart, rtol=1e-8, atol=1e-8)


def test_steps_do_not_depend_on_the_scale_of_the_features() -> None:
    """Coordinates in which the curvature is bounded: a million times larger features, as many evaluations."""
    x = torch.randn(100, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = (x[:, :1] + 0.5 * x[:, 1:2] > 0.3).double()
    counts = []
    for factor in (1.0, 1e6):
        seen: list[float] = []

        def loss(z: torch.Tensor, seen: list[float] = seen) -> torch.Tensor:
            seen.append(0.0)
            return (torch.nn.functional.softplus(z) - t * z).sum()

        minimise(factor * x, loss, 1, lamb=factor**2, curvature=0.25, tolerance=1e-8)
        counts.append(len(seen))
    assert abs(counts[0] - counts[1]) <= 2
    assert max(counts) < 40
