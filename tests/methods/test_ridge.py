"""Ridge regression in both directions against scikit-learn's, with its intercept, and neighbours found one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as Reference

from tests.methods.test_eszsl import training
from zsl.errors import InputError
from zsl.methods.method import Dimensions
from zsl.methods.transfer.ridge import Ridge


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(0, 12),
    d=st.integers(1, 6),
    k=st.integers(1, 5),
    s=st.integers(1, 5),
    seed=st.integers(0, 10**6),
    lamb=st.floats(0.05, 20),
    direction=st.sampled_from(["features_to_semantics", "semantics_to_features"]),
)
def test_it_is_ridge_regression_with_an_intercept(
    n: int, d: int, k: int, s: int, seed: int, lamb: float, direction: str
) -> None:
    """-‖a - b‖² with the projection of a fitted reference; so W, both means and both directions at once."""
    train = training(n, d, k, s, seed)
    x, classes = train.examples.inputs, train.classes
    X, phi = x.numpy(), classes.embeddings.numpy()
    S = phi[train.examples.labels.numpy()]
    model = Ridge(Dimensions(d, k, s), lamb, direction).double()  # type: ignore[arg-type]
    model.finalize(train)
    reference = Reference(alpha=lamb, solver="svd")
    if direction == "features_to_semantics":
        images, answers = reference.fit(X, S).predict(X).reshape(len(X), k), phi
    else:
        images, answers = X, reference.fit(S, X).predict(phi).reshape(s, d)
    expected = [[-np.sum((image - answer) ** 2) for answer in answers] for image in images]
    np.testing.assert_allclose(model.scores(x, classes).detach().numpy(), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("direction", ["features_to_semantics", "semantics_to_features"])
def test_cosines_are_seen_from_the_means_of_the_training_images(direction: str) -> None:
    train = training(12, 5, 3, 4, seed=2)
    x, classes = train.examples.inputs, train.classes
    model = Ridge(Dimensions(5, 3, 4), 0.7, direction, "cosine").double()  # type: ignore[arg-type]
    model.finalize(train)
    X, phi = x.numpy(), classes.embeddings.numpy()
    S = phi[train.examples.labels.numpy()]
    origin_x, origin_phi = np.mean(X, axis=0), np.mean(S, axis=0)
    reference = Reference(alpha=0.7)
    if direction == "features_to_semantics":
        images, answers = reference.fit(X, S).predict(X) - origin_phi, phi - origin_phi
    else:
        images, answers = X - origin_x, reference.fit(S, X).predict(phi) - origin_x
    expected = [[a @ b / math.sqrt((a @ a) * (b @ b)) for b in answers] for a in images]
    np.testing.assert_allclose(model.scores(x, classes).detach().numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "1", True])
def test_a_penalty_out_of_range_is_refused_by_name(value: object) -> None:
    with pytest.raises(InputError, match=r"method.lamb="):
        Ridge(Dimensions(3, 2, 2), lamb=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["direction", "similarity"])
def test_an_unknown_choice_is_refused_by_name(key: str) -> None:
    with pytest.raises(InputError, match=f"method.{key}=other is unknown; choose one of"):
        Ridge(Dimensions(3, 2, 2), **{key: "other"})  # type: ignore[arg-type]
