"""GFZSL against scipy's normal densities and scikit-learn's kernel ridge."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.kernel_ridge import KernelRidge

from tests import worlds
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.method import Dimensions
from zsl.methods.transfer.gfzsl import FLOOR, GFZSL


def training(n: int, d: int, k: int, s: int, seed: int) -> TrainingSet:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(s), torch.randint(0, s, (n,), generator=generator)])
    phi = torch.randn(s, k, generator=generator, dtype=torch.float64)
    x = torch.randn(n + s, d, generator=generator, dtype=torch.float64)
    classes = LabelSpace(tuple(map(str, range(s))), phi, torch.ones(s, dtype=torch.bool))
    return TrainingSet(Examples(x, labels), classes)


def gaussians(train: TrainingSet, kappa: float) -> np.ndarray:
    """Means and log variances, class by class."""
    x, y = train.examples.inputs.double().numpy(), train.examples.labels.numpy()
    means = np.array([x[y == label].mean(axis=0) for label in range(len(train.classes))])
    pooled = ((x - means[y]) ** 2).mean(axis=0)
    rows = []
    for label, mean in enumerate(means):
        own = x[y == label]
        v = (((own - mean) ** 2).sum(axis=0) + kappa * pooled) / (len(own) + kappa) + FLOOR
        rows.append(np.concatenate([mean, np.log(v)]))
    return np.array(rows)


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(0, 20),
    d=st.integers(1, 4),
    k=st.integers(1, 4),
    s=st.integers(2, 5),
    seed=st.integers(0, 10**6),
    lambs=st.tuples(st.floats(0.01, 10), st.floats(0.01, 10)),
    kappa=st.floats(0.5, 100),
    kernel=st.sampled_from(["linear", "quadratic", "rbf"]),
)
def test_scores_are_log_densities_under_regressed_parameters(
    n: int, d: int, k: int, s: int, seed: int, lambs: tuple[float, float], kappa: float, kernel: str
) -> None:
    train = training(n, d, k, s, seed)
    model = GFZSL(Dimensions(d, k, s), *lambs, kappa, kernel).double()  # type: ignore[arg-type]
    model.finalize(train)
    S, T = train.classes.embeddings.numpy(), gaussians(train, kappa)
    apart = np.mean([[np.sum((a - b) ** 2) for a in S] for b in S]) + FLOOR
    size = {
        "linear": np.mean([phi @ phi for phi in S]),
        "quadratic": np.mean([(1 + phi @ phi) ** 2 for phi in S]),
        "rbf": 1.0,
    }[kernel]
    foreign = {
        "linear": {"kernel": "linear"},
        "quadratic": {"kernel": "poly", "degree": 2, "coef0": 1, "gamma": 1},
        "rbf": {"kernel": "rbf", "gamma": 1 / apart},
    }[kernel]
    asked = training(3, d, k, 4, seed + 1)
    mean, centred = T.mean(axis=0), T - T.mean(axis=0)
    halves = [
        KernelRidge(alpha=lamb * size, **foreign).fit(S, part).predict(asked.classes.embeddings.numpy())
        for lamb, part in zip(lambs, (centred[:, :d], centred[:, d:]), strict=True)
    ]
    predicted = np.hstack(halves) + mean
    x = asked.examples.inputs.numpy()
    expected = [
        [norm.logpdf(row, p[:d], np.exp(p[d:] / 2)).sum() + d / 2 * math.log(2 * math.pi) for p in predicted]
        for row in x
    ]
    found = model.scores(torch.from_numpy(x), asked.classes).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_feature_that_never_varies_leaves_scores_finite() -> None:
    stage = final(worlds.source())
    train = stage.training(GFZSL.setting)
    train.examples.inputs[:, 0] = 0.25
    model = GFZSL(Dimensions(*stage.dims))
    model.finalize(train)
    assert model.scores(stage.held_out.unseen().inputs, stage.classes).isfinite().all()


@pytest.mark.parametrize(
    ("key", "value"),
    [("lamb", 0), ("lamb_variance", math.nan), ("kappa", 0.0), ("kappa", math.inf), ("kernel", "cosine")],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        GFZSL(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
