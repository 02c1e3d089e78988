"""IAP against the law of total probability, summed class by class."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from tests import worlds
from zsl.data.protocol import Stage, final
from zsl.errors import InputError
from zsl.methods.attribute.iap import IAP
from zsl.methods.method import Dimensions


@pytest.fixture(scope="module")
def stage() -> Stage:
    return final(worlds.source(d=5, k=4, train=6))


@pytest.mark.parametrize("prior", ["seen", "half"])
def test_scores_are_the_log_of_the_product_of_summed_probabilities(stage: Stage, prior: str) -> None:
    train = stage.training(IAP.setting)
    model = IAP(Dimensions(*stage.dims), 0.5, "attribute", prior).double()  # type: ignore[arg-type]
    model.finalize(train)
    S = train.classes.embeddings.double().numpy()
    A, level = S.mean(axis=0) < S, S.mean(axis=0)
    x = stage.held_out.unseen().inputs.double()
    z = np.exp(x.numpy() @ model.W.numpy() + model.b.numpy())
    p = z / z.sum(axis=1, keepdims=True)
    expected = np.ones((len(x), len(stage.classes)))
    for i in range(len(x)):
        for j, phi in enumerate(stage.classes.embeddings.double().numpy()):
            for m in range(len(level)):
                has = phi[m] > level[m]
                likely = sum(p[i, c] for c in range(len(S)) if A[c, m] == has)
                before = np.mean(A[:, m] == has) if prior == "seen" else 0.5
                expected[i, j] *= likely / before
    found = model.scores(x, stage.classes.to("cpu", torch.float64))
    np.testing.assert_allclose(found.exp().numpy(), expected, rtol=1e-6)


def test_the_classifier_is_logistic_regression_on_the_seen_classes(stage: Stage) -> None:
    train = stage.training(IAP.setting)
    model = IAP(Dimensions(*stage.dims), lamb=0.5).double()
    model.finalize(train)
    x, y = train.examples.inputs.double(), train.examples.labels
    other = LogisticRegression(C=2.0, tol=1e-12, solver="newton-cholesky").fit(x.numpy(), y.numpy())
    np.testing.assert_allclose(
        (x @ model.W + model.b).softmax(dim=1).numpy(), other.predict_proba(x.numpy()), atol=1e-4
    )


def test_certain_classes_give_finite_scores(stage: Stage) -> None:
    """A probability of 0 in single precision is a score, not minus infinity."""
    model = IAP(Dimensions(*stage.dims))
    model.finalize(stage.training(model.setting))
    assert model.scores(1e6 * stage.held_out.unseen().inputs, stage.classes).isfinite().all()


@pytest.mark.parametrize(("key", "value"), [("lamb", 0), ("lamb", math.nan), ("threshold", "mean"), ("prior", "none")])
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        IAP(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
