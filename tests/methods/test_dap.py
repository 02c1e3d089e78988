"""DAP against Bayes' rule written out over binary attributes, and its classifiers against scikit-learn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from tests import worlds
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import Stage, final
from zsl.data.training_set import Setting, TrainingSet
from zsl.errors import InputError
from zsl.methods.attribute.dap import DAP
from zsl.methods.method import Dimensions


@pytest.fixture(scope="module")
def stage() -> Stage:
    return final(worlds.source(d=5, k=4, train=6, per_class=15))


def cut(train: TrainingSet, threshold: str) -> np.ndarray:
    S = train.classes.embeddings.double().numpy()
    return {"attribute": S.mean(axis=0), "all": np.full(S.shape[1], S.mean()), "half": np.full(S.shape[1], 0.5)}[
        threshold
    ]


@pytest.mark.parametrize("threshold", ["attribute", "all", "half"])
@pytest.mark.parametrize("prior", ["seen", "half"])
def test_scores_are_the_log_of_the_product(stage: Stage, threshold: str, prior: str) -> None:
    """Π_m p(a_m^y | x) / p(a_m^y), multiplied in the open: four attributes do not underflow."""
    train = stage.training(DAP.setting)
    model = DAP(Dimensions(*stage.dims), 0.5, "logistic", threshold, prior).double()  # type: ignore[arg-type]
    model.finalize(train)
    x, level = stage.held_out.unseen().inputs.double(), cut(train, threshold)
    A = train.classes.embeddings.double().numpy() > level
    p = 1 / (1 + np.exp(-(x.numpy() @ model.W.numpy() + model.b.numpy())))
    expected = np.ones((len(x), len(stage.classes)))
    for i in range(len(x)):
        for j, phi in enumerate(stage.classes.embeddings.double().numpy()):
            for m in range(len(level)):
                if A[:, m].all() or not A[:, m].any():
                    continue
                before = A[:, m].mean() if prior == "seen" else 0.5
                has = phi[m] > level[m]
                expected[i, j] *= (p[i, m] / before) if has else (1 - p[i, m]) / (1 - before)
    found = model.scores(x, stage.classes.to("cpu", torch.float64))
    np.testing.assert_allclose(found.exp().numpy(), expected, rtol=1e-6)


def test_every_attribute_is_a_logistic_regression_of_its_own(stage: Stage) -> None:
    train = stage.training(DAP.setting)
    model = DAP(Dimensions(*stage.dims), lamb=0.5).double()
    model.finalize(train)
    x, y = train.examples.inputs.double().numpy(), train.examples.labels.numpy()
    A = train.classes.embeddings.double().numpy() > cut(train, "attribute")
    for m in range(A.shape[1]):
        other = LogisticRegression(C=2.0, tol=1e-12, solver="newton-cholesky").fit(x, A[y, m])
        found = 1 / (1 + np.exp(-(x @ model.W[:, m].numpy() + float(model.b[m]))))
        np.testing.assert_allclose(found, other.predict_proba(x)[:, 1], atol=1e-4)


def test_the_calibrated_machine_ranks_images_as_the_machine_does_and_gives_probabilities(stage: Stage) -> None:
    """On held-out images Platt's σ(αz + β) predicts, on average, as many positives as its softened targets hold."""
    train = stage.training(DAP.setting)
    model = DAP(Dimensions(*stage.dims), classifier="svm").double()
    model.finalize(train)
    y = train.examples.labels
    held_out = sorted(range(len(y)), key=lambda i: (int(y[i]), i))[::10]
    A = model.attributes(train.classes.embeddings.double())[y[held_out]]
    soft = torch.where(A > 0, (A.sum(0) + 1) / (A.sum(0) + 2), 1 / (len(A) - A.sum(0) + 2))
    p = model.log_probabilities(train.examples.inputs.double()[held_out])[0].exp()
    np.testing.assert_allclose(p.sum(0).numpy(), soft.sum(0).numpy(), rtol=1e-5)


@settings(deadline=None, max_examples=20)
@given(constant=st.integers(0, 3), value=st.floats(0, 1, width=32), classifier=st.sampled_from(["logistic", "svm"]))
def test_an_attribute_that_does_not_vary_changes_nothing(constant: int, value: float, classifier: str) -> None:
    """Left out of the product, whatever unseen classes have there: as if the column were not in φ."""
    stage = final(worlds.source(seed=3))
    train = stage.training(DAP.setting)
    keep = [m for m in range(4) if m != constant]

    def embedded(space: LabelSpace, columns: list[int]) -> LabelSpace:
        phi = space.embeddings.clone()
        phi[space.seen, constant] = value
        return LabelSpace(space.names, phi[:, columns], space.seen)

    scores = []
    for columns in ([0, 1, 2, 3], keep):
        d, _, s, _ = stage.dims
        model = DAP(Dimensions(d, len(columns), s), classifier=classifier)  # type: ignore[arg-type]
        model.finalize(replace(train, classes=embedded(train.classes, columns)))
        scores.append(model.scores(stage.held_out.unseen().inputs, embedded(stage.classes, columns)))
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-3, atol=1e-3)


def test_no_attribute_that_varies_leaves_all_classes_equal() -> None:
    stage = final(worlds.source())
    train = stage.training(DAP.setting)
    same = LabelSpace(train.classes.names, torch.ones_like(train.classes.embeddings), train.classes.seen)
    model = DAP(Dimensions(*stage.dims))
    model.finalize(replace(train, classes=same))
    assert not model.scores(stage.held_out.unseen().inputs, stage.classes).any()


@pytest.mark.parametrize(
    ("key", "value"),
    [("lamb", 0), ("lamb", math.inf), ("lamb", True), ("classifier", "tree"), ("threshold", "0.3"), ("prior", "all")],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        DAP(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("threshold", ["attribute", "all", "half"])
def test_a_description_at_the_cut_has_not_the_attribute(stage: Stage, threshold: str) -> None:
    """a_m^y = 1[φ(y)_m > c_m]: equal is not greater."""
    train = stage.training(DAP.setting)
    model = DAP(Dimensions(*stage.dims), 0.5, "logistic", threshold, "half").double()  # type: ignore[arg-type]
    model.binarise(train)
    just_above = torch.nextafter(model.cut, torch.tensor(torch.inf, dtype=model.cut.dtype))
    assert model.attributes(torch.stack([model.cut, just_above])).tolist() == [
        [0.0] * len(model.cut),
        [1.0] * len(model.cut),
    ]


@pytest.mark.parametrize("threshold", ["attribute", "all", "half"])
def test_descriptions_of_unseen_classes_move_no_cut(stage: Stage, threshold: str) -> None:
    """The seen classes alone count, even among classes that the setting does not hand over."""
    model = DAP(Dimensions(*stage.dims), 0.5, "logistic", threshold, "seen")  # type: ignore[arg-type]
    found = []
    for setting in (Setting.INDUCTIVE, Setting.UNSEEN_SEMANTICS):
        A = model.binarise(stage.training(setting))
        found.append((A, model.cut.clone(), model.varies.clone(), model.p.clone()))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
