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
from zsl.methods import ESZSL


@parametrize_with_checks([zsl.ZeroShotClassifier()])
def test_it_is_an_estimator_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_it_answers_with_classes_that_it_never_saw() -> None:
    rng = np.random.default_rng(0)
    phi = {name: rng.normal(size=4) for name in ("ant", "bee", "cow", "dog", "eel")}
    W = rng.normal(size=(4, 8))
    names = np.array(list(phi))
    y = names[rng.integers(0, 3, 120)]
    X = np.stack([phi[name] for name in y]) @ W + 0.01 * rng.normal(size=(120, 8))
    found = zsl.ZeroShotClassifier(ESZSL(gamma=0.01, lamb=0.01)).fit(X, y, class_embeddings=phi)
    assert found.classes_.tolist() == sorted(phi)
    unseen = np.stack([phi["dog"] @ W, phi["eel"] @ W])
    proba = found.predict_proba(unseen)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert set(found.predict(np.concatenate([X, unseen]))) <= set(phi)
    assert np.array_equal(found.predictor_.scores(unseen), found.decision_function(unseen))
    assert clone(found).get_params()["method"] == found.method


def test_a_class_without_an_embedding_is_refused() -> None:
    with pytest.raises(zsl.InputError, match="class 'b' of y has none"):
        zsl.ZeroShotClassifier().fit(np.eye(2), np.array(["a", "b"]), class_embeddings={"a": [1.0]})
