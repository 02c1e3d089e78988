"""ConSE against a loop over images and their most probable classes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from tests import worlds
from zsl.config.experiment import Experiment
from zsl.data.protocol import Stage, final
from zsl.errors import InputError
from zsl.methods.method import Dimensions
from zsl.methods.transfer.conse import ConSE
from zsl.runs.run import run


@pytest.fixture(scope="module")
def stage() -> Stage:
    return final(worlds.source(d=5, k=3, train=5))


@pytest.mark.parametrize("T", [1, 2, 4, None])
def test_scores_are_cosines_to_the_convex_combination(stage: Stage, T: int | None) -> None:
    train = stage.training(ConSE.setting)
    model = ConSE(Dimensions(*stage.dims), T=T, lamb=0.5).double()
    model.finalize(train)
    x, S = train.examples.inputs.double().numpy(), train.classes.embeddings.double().numpy()
    z = x @ model.W.numpy() + model.b.numpy()
    expected = []
    for row in z:
        p = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
        best = sorted(range(len(S)), key=lambda y: -p[y])[:T]
        f = sum(p[y] * S[y] for y in best) / sum(p[y] for y in best)
        phi = stage.classes.embeddings.double().numpy()
        expected.append([f @ v / np.linalg.norm(f) / np.linalg.norm(v) for v in phi])
    found = model.scores(torch.from_numpy(x), stage.classes.to("cpu", torch.float64))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_the_classifier_is_logistic_regression_on_the_seen_classes(stage: Stage) -> None:
    train = stage.training(ConSE.setting)
    model = ConSE(Dimensions(*stage.dims), lamb=0.5).double()
    model.finalize(train)
    x, y = train.examples.inputs.double(), train.examples.labels
    other = LogisticRegression(C=2.0, tol=1e-12, solver="newton-cholesky").fit(x.numpy(), y.numpy())
    np.testing.assert_allclose(
        (x @ model.W + model.b).softmax(dim=1).numpy(), other.predict_proba(x.numpy()), atol=1e-4
    )


def test_one_class_is_the_embedding_of_the_most_probable_class(stage: Stage) -> None:
    model = ConSE(Dimensions(*stage.dims), T=1)
    model.finalize(stage.training(model.setting))
    x = stage.held_out.seen().inputs
    seen = stage.classes.take(stage.classes.seen_ids)
    assert torch.equal(model.scores(x, seen).argmax(dim=1), (x @ model.W + model.b).argmax(dim=1))


@pytest.mark.parametrize(
    ("key", "value"),
    [("T", 0), ("T", 1.5), ("T", True), ("T", 4), ("lamb", 0.0), ("lamb", math.nan), ("lamb", -1.0), ("lamb", "1")],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}: must be"):
        ConSE(Dimensions(3, 2, 3), **{key: value})  # type: ignore[arg-type]


def test_more_classes_than_were_seen_are_refused_before_training(tmp_path: Path) -> None:
    experiment = Experiment.compose(["data=synthetic", "method=conse", "method.T=900", f"paths.cache={tmp_path}"])
    with pytest.raises(InputError, match=r"method.T=900: must be at most \d+, the number of seen classes"):
        run(experiment, tmp_path)


def test_as_many_classes_as_were_seen_pass_the_check_before_there_is_data(tmp_path: Path) -> None:
    experiment = Experiment.compose(["data=synthetic", "method=conse", "method.T=3", f"paths.cache={tmp_path}"])
    assert run(experiment, tmp_path).config["method"]["T"] == 3
