"""The scikit-learn estimator obeys scikit-learn's own checks, and knows unseen classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'zsl[sklearn]'")

from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import zsl
from zsl.methods import Ridge


@parametrize_with_checks([zsl.ZeroShotClassifier()])
def test_it_is_an_estimator_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_it_answers_with_classes_that_it_never_saw() -> None:
    """With more seen classes than numbers in φ, ridge finds the linear map, and unseen classes lie where it says."""
    rng = np.random.default_rng(0)
    phi = {name: rng.normal(size=3) for name in ("ant", "bee", "cow", "dog", "eel", "fox", "gnu", "hen")}
    W = rng.normal(size=(3, 8))
    names = np.array(list(phi))
    y = names[np.arange(120) % 6]
    X = np.stack([phi[name] for name in y]) @ W + 0.01 * rng.normal(size=(120, 8))
    ridge = Ridge(direction="features_to_semantics", lamb=1e-3)
    found = zsl.ZeroShotClassifier(ridge).fit(X, y, class_embeddings=phi)
    assert found.classes_.tolist() == sorted(phi)
    unseen = np.stack([phi["gnu"] @ W, phi["hen"] @ W])
    assert found.predict(unseen).tolist() == ["gnu", "hen"]
    assert found.predict(X).tolist() == y.tolist()
    np.testing.assert_allclose(found.predict_proba(unseen).sum(axis=1), 1)
    assert np.array_equal(found.predictor_.scores(unseen), found.decision_function(unseen))
    assert clone(found).get_params()["method"] == found.method


def test_a_class_without_an_embedding_is_refused() -> None:
    with pytest.raises(zsl.InputError, match="class 'b' of y has none"):
        zsl.ZeroShotClassifier().fit(np.eye(2), np.array(["a", "b"]), class_embeddings={"a": [1.0]})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": np.full((2, 2), np.nan)}, "Input X contains NaN"),
        ({"y": np.array(["a"])}, "inconsistent numbers of samples"),
        ({"class_embeddings": np.eye(2)}, "is no mapping"),
        ({"class_embeddings": {"a": [1.0, 2.0], "b": [1.0]}}, "rows of different lengths"),
        ({"class_embeddings": {"a": [1.0], "b": [1.0], 3: [1.0]}}, "classes are of several types"),
    ],
)
def test_mistakes_cost_one_line(given: dict[str, Any], message: str) -> None:
    right = {"X": np.eye(2), "y": np.array(["a", "b"]), "class_embeddings": {"a": [1.0], "b": [2.0]}}
    with pytest.raises(zsl.InputError, match=message):
        zsl.ZeroShotClassifier().fit(**right | given)
