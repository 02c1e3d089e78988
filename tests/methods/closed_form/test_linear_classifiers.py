"""The classifiers against scikit-learn and scipy; what their tolerance promises; badly scaled features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from zsl.data.scaling import Scaling
from zsl.data.stored_rows import StoredRows
from zsl.methods.closed_form import newton, principal_coordinates
from zsl.methods.closed_form.linear_classifiers import (
    Linear,
    Logistic,
    Softmax,
    SquaredHinge,
    logistic,
    platt,
    softmax,
    squared_hinge,
)


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
        assert (of_W / x.abs().max(dim=0).values[:, None]).abs().max() < 1e-8 * n
        assert of_b.abs().max() < 1e-8 * n


def test_softmax_is_that_of_scikit_learn() -> None:
    x, labels = features(80, 4, 0) / 10, torch.arange(80) % 3
    W, b = softmax(x, labels, 3, 0.5, 1e-10)
    other = LogisticRegression(C=2.0, tol=1e-12, max_iter=100, solver="newton-cholesky").fit(x.numpy(), labels.numpy())
    expected = other.predict_proba(x.numpy())
    np.testing.assert_allclose((x @ W + b).softmax(dim=1).numpy(), expected, atol=1e-7)


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


def problem(kind: str, n: int, d: int, m: int, seed: int) -> tuple[torch.Tensor, newton.Loss, float]:
    """Features in which classes overlap or not, as it comes, a loss, and the bound on its curvature."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64) * 3 ** torch.randn(d, generator=generator).double()
    x = x + torch.randn(d, generator=generator)
    z = 2 * x @ torch.randn(d, m, generator=generator, dtype=torch.float64) / d**0.5
    noisy = z + torch.randn(n, m, generator=generator, dtype=torch.float64)
    targets = (noisy > noisy.mean(dim=0)).double()
    if kind == "softmax":
        return x, Softmax(torch.cat([torch.arange(m), noisy.argmax(dim=1)[m:]]), m), 0.25
    return x, *((Logistic(targets), 0.25) if kind == "logistic" else (SquaredHinge(2 * targets - 1), 2.0))


def minimum(x: np.ndarray, loss: newton.Loss, m: int, lamb: float) -> np.ndarray:
    """Z at the minimum, by Newton's method with the whole Hessian."""
    n, d = x.shape
    X = np.hstack([x, np.ones((n, 1))])
    penalty = np.repeat([lamb, 0.0], [d, 1])[:, None]

    def at(v: np.ndarray) -> tuple[float, np.ndarray]:
        V = v.reshape(d + 1, m)
        Z = torch.from_numpy(X @ V)
        G = loss.derivatives(Z).gradient.numpy()
        return float(loss.value(Z).sum()) + (penalty * V**2).sum() / 2, (X.T @ G + penalty * V).ravel()

    def hessian(v: np.ndarray) -> np.ndarray:
        product = loss.hessian(torch.from_numpy(X @ v.reshape(d + 1, m)))
        directions = np.eye(v.size).reshape(-1, d + 1, m)
        return np.stack([(X.T @ product(torch.from_numpy(X @ D)).numpy() + penalty * D).ravel() for D in directions])

    # a softmax is free in one direction of the biases, a hinge where no image is within the margin: held there
    held = 1e-9 * np.eye((d + 1) * m)
    v = np.zeros((d + 1) * m)
    for _ in range(200):
        value, gradient = at(v)
        step = np.linalg.solve(hessian(v) + held, gradient)
        while at(v - step)[0] > value - 1e-4 * gradient @ step and np.abs(step).max() > 1e-15:
            step = step / 2
        v = v - step
        if np.abs(step).max() < 1e-12 * np.abs(v).max():
            break
    assert np.abs(at(v)[1]).max() < 1e-6 * n
    return np.asarray(X @ v.reshape(d + 1, m))


@settings(deadline=None, max_examples=25)
@given(
    kind=st.sampled_from(["softmax", "logistic", "squared hinge"]),
    n=st.integers(8, 40),
    d=st.integers(1, 6),
    m=st.integers(2, 4),
    lamb=st.sampled_from([1e-3, 0.1, 10.0]),
    tolerance=st.sampled_from([1.0, 0.1, 0.01, 1e-4]),
    seed=st.integers(0, 10**6),
)
def test_no_z_is_farther_from_the_minimum_than_the_tolerance(
    kind: str, n: int, d: int, m: int, lamb: float, tolerance: float, seed: int
) -> None:
    x, loss, bound = problem(kind, n, d, m, seed)
    W, b = newton.minimise(x, loss, m, lamb, bound, tolerance)
    gap = (x @ W + b).numpy() - minimum(x.numpy(), loss, m, lamb)
    if kind == "softmax":
        gap -= gap.mean(axis=1, keepdims=True)
    assert np.abs(gap).max() <= tolerance


@pytest.mark.parametrize("kind", ["softmax", "logistic", "squared hinge"])
def test_derivatives_are_those_of_automatic_differentiation(kind: str) -> None:
    x, loss, bound = problem(kind, 12, 3, 3, 0)
    Z, A = x.clone().requires_grad_(), torch.randn(12, 3, generator=torch.Generator().manual_seed(1)).double()
    (gradient,) = torch.autograd.grad(loss.value(Z).sum(), Z, create_graph=True)
    (product,) = torch.autograd.grad((gradient * A).sum(), Z)
    found = loss.derivatives(Z.detach())
    torch.testing.assert_close(found.gradient, gradient.detach())
    hessian = loss.hessian(Z.detach())
    torch.testing.assert_close(hessian(A.clone()), product)
    torch.testing.assert_close(hessian(A.float()), product.float())
    blocks = torch.func.hessian(lambda flat: loss.value(flat.view(12, 3)).sum())(Z.detach().flatten()).diagonal()
    torch.testing.assert_close(found.curvature, blocks.view(12, 3).mean(dim=0))
    assert blocks.max() <= bound + 1e-12


@pytest.mark.parametrize("solve", [logistic, squared_hinge])
def test_columns_are_problems_of_their_own(solve: Callable[..., Linear]) -> None:
    """Whatever is solved beside it: columns that are easy, hard, separable, or of one sign."""
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise = torch.randn(60, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    targets = torch.stack([x[:, 0] > 0, x[:, 1] + noise > 0, noise > 0, noise > 2.0, noise > -9.0], dim=1).double()
    W, b = solve(x, targets, 1e-3, 1e-6)
    for m in range(targets.shape[1]):
        V, c = solve(x, targets[:, [m]], 1e-3, 1e-6)
        torch.testing.assert_close(x @ W[:, m] + b[m], (x @ V + c)[:, 0], rtol=0, atol=2e-6)


@pytest.mark.parametrize("kind", ["softmax", "logistic", "squared hinge"])
def test_steps_do_not_depend_on_the_scale_of_the_features(kind: str) -> None:
    """A million times larger features and λ to match: as many evaluations, the same z."""
    x, loss, bound = problem(kind, 100, 5, 3, 0)
    counts, found = [], []
    for factor in (1.0, 1e6):
        counted = Counting(loss)
        W, b = newton.minimise(factor * x, counted, 3, factor**2, bound, 1e-3)
        counts.append(counted.number)
        found.append(factor * x @ W + b)
    assert abs(counts[0] - counts[1]) <= 2
    assert max(counts) < 60
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=2e-3)


class Counting:
    """A loss that counts how often it is differentiated; problems of fewer columns are counted with it."""

    def __init__(self, loss: newton.Loss, of: Counting | None = None) -> None:
        self.loss, self.separable, self.smooth = loss, loss.separable, loss.smooth
        self.value, self.hessian = loss.value, loss.hessian
        self.of, self.number = of or self, 0

    def derivatives(self, Z: torch.Tensor) -> newton.Derivatives:
        self.of.number += 1
        return self.loss.derivatives(Z)

    def take(self, columns: torch.Tensor) -> Counting:
        return Counting(self.loss.take(columns), self.of)


def test_products_in_single_precision_do_not_hold_up_ill_conditioned_problems() -> None:
    """Features whose spreads differ by 10⁸, one pair of them nearly the same, and almost no penalty."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((80, 5))
    x[:, 4] = x[:, 3] + 1e-5 * x[:, 4]
    x *= 10.0 ** np.arange(-4, 1)
    t = (x @ (1 / x.std(axis=0)) + 4 * generator.standard_normal(80) > 0).astype(float)
    W, b = logistic(torch.from_numpy(x), torch.from_numpy(t)[:, None], 1e-9, 1e-3)
    z = x @ W[:, 0].numpy() + b.item()
    gradient = x.T @ (1 / (1 + np.exp(-z)) - t) + 1e-9 * W[:, 0].numpy()
    assert np.abs(gradient / np.linalg.norm(x, axis=0)).max() < 1e-7


@settings(deadline=None, max_examples=15)
@given(
    n=st.integers(30, 200),
    d=st.integers(1, 6),
    lamb=st.floats(0.1, 10),
    rough=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_the_objective_of_stored_rows_is_near_its_minimum(n: int, d: int, lamb: float, rough: bool, seed: int) -> None:
    """To 1e-5 an image: near enough where every product reads all rows; in bfloat16, too."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator) + 2
    labels = torch.randint(3, (n,), generator=generator)
    targets = torch.rand(3, 4, generator=generator).round()[labels]
    rows = StoredRows(x.numpy(), np.arange(n), Scaling("none"))
    fits: list[tuple[Callable[[torch.Tensor | StoredRows], Linear], Any]] = [
        (lambda x: softmax(x, labels, 3, lamb), Softmax(labels, 3)),
        (lambda x: logistic(x, targets, lamb), Logistic(targets.double())),
        (lambda x: squared_hinge(x, targets, lamb), SquaredHinge(2 * targets.double() - 1)),
    ]
    for fit, loss in fits:
        with patch.object(principal_coordinates, "multiplies_bfloat16", lambda _: rough):
            fitted = fit(rows)
        found, least = (
            float(loss.value(x.double() @ W + b).sum() + lamb / 2 * W.square().sum()) for W, b in (fitted, fit(x))
        )
        assert found - least < 1e-5 * n
