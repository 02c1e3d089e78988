"""SynC's seen classifiers against liblinear and against quadratic programmes; its synthesis against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.svm import LinearSVC

from tests.methods.test_eszsl import training
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.compatibility.sync import TEMPERATURES, SynC, seen_classifiers
from zsl.methods.method import Dimensions


def arrays(train: TrainingSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return train.examples.inputs.numpy(), train.examples.labels.numpy(), train.classes.embeddings.numpy()


def hinge(W: np.ndarray, train: TrainingSet, delta: np.ndarray, lamb: float) -> float:
    """mean_n max_c (Δ(c, y) + w_cᵀx) - w_yᵀx + λ/2 Σ_c ‖w_c‖², one image at a time."""
    X, y, _ = arrays(train)
    losses = [max(delta[c, own] + W[c] @ x for c in range(len(W))) - W[own] @ x for x, own in zip(X, y, strict=True)]
    return float(np.mean(losses) + lamb / 2 * np.sum(W**2))


def margins(loss: str, phi: np.ndarray) -> np.ndarray:
    if loss == "structured":
        return np.array([[np.sum((a - b) ** 2) for b in phi] for a in phi])
    return 1 - np.eye(len(phi))


@settings(deadline=None, max_examples=15)
@given(s=st.integers(3, 5), d=st.integers(1, 5), seed=st.integers(0, 10**6), lamb=st.floats(0.01, 1))
def test_one_versus_other_is_a_linear_svm_for_each_class(s: int, d: int, seed: int, lamb: float) -> None:
    train = training(12, d, 3, s, seed)
    X, y, _ = arrays(train)
    W = seen_classifiers(
        train.examples.inputs, train.examples.labels, train.classes.embeddings, "one_versus_other", lamb, 500
    )
    svm = LinearSVC(
        loss="squared_hinge", C=1 / (lamb * len(X)), fit_intercept=False, dual=False, tol=1e-10, max_iter=10**5
    )
    np.testing.assert_allclose(W.numpy(), svm.fit(X, y).coef_, atol=1e-5)


@settings(deadline=None, max_examples=10)
@given(
    s=st.integers(2, 3),
    d=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    lamb=st.floats(0.05, 1),
    loss=st.sampled_from(["crammer_singer", "structured"]),
)
def test_hinge_losses_come_as_near_the_optimum_as_the_smoothing_allows(
    s: int, d: int, seed: int, lamb: float, loss: str
) -> None:
    """The exact optimum by a quadratic programme: min mean ξ + λ/2 ‖W‖², ξ_n ≥ Δ(c, y_n) + w_cᵀx_n - w_{y_n}ᵀx_n."""
    train = training(4, d, 2, s, seed)
    X, y, phi = arrays(train)
    delta, n = margins(loss, phi), len(X)
    W = seen_classifiers(
        train.examples.inputs,
        train.examples.labels,
        train.classes.embeddings,
        loss,
        lamb,
        500,  # type: ignore[arg-type]
    ).numpy()

    def split(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return z[: s * d].reshape(s, d), z[s * d :]

    def slack(z: np.ndarray) -> np.ndarray:
        V, xi = split(z)
        return np.array([xi[i] - delta[c, y[i]] - (V[c] - V[y[i]]) @ X[i] for i in range(n) for c in range(s)])

    start = np.concatenate([np.zeros(s * d), delta.max(axis=0)[y]])
    found = minimize(
        lambda z: np.mean(split(z)[1]) + lamb / 2 * np.sum(split(z)[0] ** 2),
        start,
        constraints={"type": "ineq", "fun": slack},
        method="SLSQP",
        options={"ftol": 1e-10, "maxiter": 500},
    )
    assert found.success
    ours = hinge(W, train, delta, lamb)
    assert ours <= found.fun + TEMPERATURES[-1] * math.log(s) + 1e-5
    assert ours >= found.fun - 1e-5


def test_unseen_classifiers_are_synthesised_from_phantoms() -> None:
    train = training(20, 4, 3, 5, seed=3)
    X, _, phi = arrays(train)
    model = SynC(Dimensions(4, 3, 5), lamb=0.01, sigma=0.8).double()
    model.finalize(train)
    V, rng = model.V.numpy(), np.random.default_rng(0)
    unseen = type(train.classes)(
        ("a", "b"), torch.from_numpy(rng.standard_normal((2, 3))), torch.zeros(2, dtype=torch.bool)
    )
    expected = []
    for a in unseen.embeddings.numpy():
        kernel = [math.exp(-float(np.sum((a - b) ** 2)) / 0.8**2) for b in phi]
        expected.append(X @ sum(k / sum(kernel) * v for k, v in zip(kernel, V, strict=True)))
    np.testing.assert_allclose(model.scores(train.examples.inputs, unseen).numpy(), np.array(expected).T, atol=1e-10)


def test_for_seen_classes_the_synthesis_returns_what_was_learned() -> None:
    train = training(20, 4, 3, 5, seed=3)
    model = SynC(Dimensions(4, 3, 5), lamb=0.01, sigma=0.5).double()
    model.finalize(train)
    examples = train.examples
    W = seen_classifiers(examples.inputs, examples.labels, train.classes.embeddings, "one_versus_other", 0.01, 200)
    torch.testing.assert_close(model.scores(examples.inputs, train.classes), examples.inputs @ W.T)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lamb", 0.0),
        ("lamb", math.nan),
        ("sigma", -1.0),
        ("sigma", math.inf),
        ("iterations", 0),
        ("iterations", 2.5),
        ("loss", "hinge"),
    ],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        SynC(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
