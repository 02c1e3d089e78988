"""SAE against scipy's Sylvester solver, against its objective, and against cosines computed one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_sylvester

from tests.methods.test_eszsl import training
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.compatibility.sae import SAE
from zsl.methods.method import Dimensions

shapes = {
    "d": st.integers(1, 6),
    "k": st.integers(1, 5),
    "s": st.integers(1, 6),
    "seed": st.integers(0, 10**6),
    "lamb": st.floats(0.05, 20),
}


def solved(train: TrainingSet, lamb: float, direction: str = "semantics_to_features") -> SAE:
    dims = Dimensions(train.examples.inputs.shape[1], train.classes.embeddings.shape[1], len(train.classes))
    model = SAE(dims, lamb, direction).double()  # type: ignore[arg-type]
    model.finalize(train)
    return model


def per_image(train: TrainingSet) -> tuple[np.ndarray, np.ndarray]:
    """X (d × n) and S (k × n), as the paper writes them."""
    S = train.classes.embeddings[train.examples.labels]
    return train.examples.inputs.numpy().T, S.numpy().T


@settings(deadline=None, max_examples=40)
@given(n=st.integers(6, 12), **shapes)
def test_it_solves_the_sylvester_equation(n: int, d: int, k: int, s: int, seed: int, lamb: float) -> None:
    """SSᵀ W + W λXXᵀ = (1 + λ) SXᵀ; unique where one of the Gram matrices is regular."""
    train = training(n, d, k, s, seed)
    X, S = per_image(train)
    A, B = S @ S.T, lamb * X @ X.T
    assume(np.linalg.eigvalsh(A)[0] + np.linalg.eigvalsh(B)[0] > 1e-2)
    expected = solve_sylvester(A, B, (1 + lamb) * S @ X.T)
    np.testing.assert_allclose(solved(train, lamb).W.detach().numpy().T, expected, rtol=1e-6, atol=1e-8)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(0, 12), **shapes)
def test_it_is_the_smallest_minimiser_of_the_objective(n: int, d: int, k: int, s: int, seed: int, lamb: float) -> None:
    """‖X - WᵀS‖² + λ‖WX - S‖² as one least-squares problem in vec(W), whatever the ranks."""
    train = training(n, d, k, s, seed)
    X, S = per_image(train)
    equations = np.vstack([np.kron(np.eye(d), S.T), np.sqrt(lamb) * np.kron(X.T, np.eye(k))])
    wanted = np.concatenate([X.ravel(), np.sqrt(lamb) * S.ravel(order="F")])
    expected = np.linalg.lstsq(equations, wanted, rcond=1e-9)[0].reshape(k, d, order="F")
    np.testing.assert_allclose(solved(train, lamb).W.detach().numpy().T, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("direction", ["features_to_semantics", "semantics_to_features"])
def test_scores_are_cosines_after_projecting(direction: str) -> None:
    train = training(12, 5, 3, 4, seed=2)
    model = solved(train, 0.7, direction)
    W = model.W.detach().numpy().T
    x, phi = train.examples.inputs, train.classes

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / math.sqrt(a @ a) / math.sqrt(b @ b))

    forward = direction == "features_to_semantics"
    expected = [
        [cosine(W @ row, y) if forward else cosine(row, W.T @ y) for y in phi.embeddings.numpy()] for row in x.numpy()
    ]
    np.testing.assert_allclose(model.scores(x, phi).detach().numpy(), expected, atol=1e-10)


def test_a_direction_without_data_leaves_no_trace() -> None:
    """A feature that is always 0, more embeddings than classes: nothing is learned there, and nothing blows up."""
    train = training(20, 4, 5, 2, seed=1)
    train.examples.inputs[:, 2] = 0
    model = solved(train, 1e-6)
    assert model.W[2].abs().max() < 1e-9
    assert model.W.abs().max() < 1e3


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "1", True])
def test_a_weight_out_of_range_is_refused_by_name(value: object) -> None:
    with pytest.raises(InputError, match=r"method.lamb="):
        SAE(Dimensions(3, 2, 2), lamb=value)  # type: ignore[arg-type]


def test_an_unknown_direction_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"method.direction=sideways is unknown; choose one of features_to_semantics"):
        SAE(Dimensions(3, 2, 2), direction="sideways")  # type: ignore[arg-type]
