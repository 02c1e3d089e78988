"""Gaussian classes against regressions fitted without each class, scikit-learn's shrinkage and scipy's densities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, ortho_group
from sklearn.covariance import ledoit_wolf

from tests import worlds
from tests.methods.test_gfzsl import training
from tests.methods.test_units import left_out
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.generative.class_means import LAMBDAS
from zsl.methods.generative.gaussian_classes import LEAST, GaussianClasses
from zsl.methods.method import Dimensions

SIZES = {
    "n": st.integers(4, 20),
    "d": st.integers(1, 5),
    "k": st.integers(1, 5),
    "s": st.integers(3, 7),
    "seed": st.integers(0, 10**6),
}


def fitted(train: TrainingSet, **changes: float) -> GaussianClasses:
    s, k = train.classes.embeddings.shape
    model = GaussianClasses(Dimensions(train.examples.inputs.shape[1], k, s), **changes).double()
    model.finalize(train)
    return model


def regression(phi: np.ndarray, means: np.ndarray, lamb: float, asked: np.ndarray) -> np.ndarray:
    """What a ridge regression with an intercept, which is not penalised, foretells."""
    P, M = phi - phi.mean(axis=0), means - means.mean(axis=0)
    B = np.linalg.solve(P.T @ P + lamb * np.eye(P.shape[1]), P.T @ M)
    return np.asarray((asked - phi.mean(axis=0)) @ B + means.mean(axis=0))


def foretold(phi: np.ndarray, means: np.ndarray, lamb: float) -> np.ndarray:
    """What a regression on all other classes foretells of each."""
    rows = range(len(phi))
    return np.stack([regression(np.delete(phi, row, 0), np.delete(means, row, 0), lamb, phi[row]) for row in rows])


def gaussians(
    train: TrainingSet, asked: np.ndarray, kappa: float, shrinkage: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of the classes of training and of others, and the covariance of all."""
    x, y = train.examples.inputs.numpy(), train.examples.labels.numpy()
    phi, n = train.classes.embeddings.numpy(), np.bincount(y)
    s, d = len(phi), x.shape[1]
    means = np.stack([x[y == label].mean(axis=0) for label in range(s)])
    S = (x - means[y]).T @ (x - means[y]) / (len(x) - s)
    S = (1 - shrinkage) * S + shrinkage * np.trace(S) / d * np.eye(d)
    L = np.linalg.cholesky(S)
    size = (np.linalg.svd(phi - phi.mean(axis=0), compute_uv=False) ** 2).mean()
    tried = [(lamb, means - foretold(phi, means, lamb)) for lamb in LAMBDAS.numpy() * size]
    lamb, errors = min(tried, key=lambda each: (np.linalg.solve(L, each[1].T) ** 2).sum())
    shrunk = ledoit_wolf(np.linalg.solve(L, errors.T).T, assume_centered=True)[0]
    v = left_out(x - means[y], y, np.linalg.inv(L.T), (1 - shrinkage) / (len(x) - s))
    values, Q = np.linalg.eigh(shrunk - v * (1 / n).mean() * np.eye(d))
    D = L @ Q @ np.diag(values.clip(min=LEAST)) @ Q.T @ L.T
    known = [
        mean - error + D @ np.linalg.solve(D + v * S / (kappa * count), error)
        for mean, error, count in zip(means, errors, n, strict=True)
    ]
    return np.stack(known), regression(phi, means, lamb, asked), S + D


@settings(deadline=None, max_examples=30)
@given(**SIZES, kappa=st.floats(0.01, 2), shrinkage=st.floats(0.05, 0.95))
def test_scores_are_log_densities_of_seen_and_unseen_classes(
    n: int, d: int, k: int, s: int, seed: int, kappa: float, shrinkage: float
) -> None:
    train, others = training(n, d, k, s, seed), training(3, d, k, 3, seed + 1)
    model = fitted(train, kappa=kappa, shrinkage=shrinkage)
    seen, unseen, C = gaussians(train, others.classes.embeddings.numpy(), kappa, shrinkage)
    x, both = others.examples.inputs, torch.cat([train.classes.embeddings, others.classes.embeddings])
    classes = LabelSpace(tuple(map(str, range(len(both)))), both, torch.arange(len(both)) < s)
    found = model.scores(x, classes).numpy()
    expected = np.stack([multivariate_normal(mean, C).logpdf(x.numpy()) for mean in (*seen, *unseen)], axis=1)
    apart = found - found[:, :1], expected - expected[:, :1]
    np.testing.assert_allclose(*apart, rtol=1e-6, atol=1e-6 * (1 + np.abs(apart[1]).max()))


@settings(deadline=None, max_examples=30)
@given(**SIZES, factor=st.sampled_from([0.01, 1.0, 100.0]))
def test_units_and_axes_of_features_and_descriptions_do_not_matter(
    n: int, d: int, k: int, s: int, seed: int, factor: float
) -> None:
    train = training(n, d, k, s, seed)
    rng = np.random.default_rng(seed)
    turns = [
        torch.from_numpy(np.atleast_2d(ortho_group(m).rvs(random_state=rng)) if m > 1 else np.eye(1)) for m in (d, k)
    ]
    x, phi = train.examples.inputs, train.classes.embeddings
    moved = factor * x @ turns[0] + 3, phi @ turns[1] / factor - 2
    classes = LabelSpace(train.classes.names, moved[1], train.classes.seen)
    other = fitted(TrainingSet(Examples(moved[0], train.examples.labels), classes))
    np.testing.assert_allclose(
        other.scores(moved[0], classes), fitted(train).scores(x, train.classes), rtol=1e-5, atol=1e-6
    )


def test_synthetic_features_have_the_mean_and_the_covariance_of_their_class() -> None:
    train = training(200, 4, 3, 6, 0)
    model, own = fitted(train), training(0, 4, 3, 2, 1).classes.embeddings
    seen, unseen, C = gaussians(train, own.numpy(), 0.1, 0.5)
    torch.manual_seed(0)
    for phi, mean in zip((train.classes.embeddings[2], own[1]), (seen[2], unseen[1]), strict=True):
        x = model.synthesize_features(phi.expand(100_000, -1)).numpy()
        deviation = np.sqrt(C.diagonal())
        assert (np.abs(x.mean(axis=0) - mean) < 5 * deviation / math.sqrt(len(x))).all()
        assert (np.abs(np.cov(x.T) - C) < 0.03 * np.outer(deviation, deviation)).all()


def test_a_class_is_what_its_images_are_where_they_count_much_and_what_is_foretold_where_they_count_little() -> None:
    train = training(300, 4, 3, 6, 0)
    phi, y = train.classes.embeddings, train.examples.labels
    means = torch.stack([train.examples.inputs[y == label].mean(dim=0) for label in range(6)])
    much, little = fitted(train, kappa=1e9), fitted(train, kappa=1e-9)
    torch.testing.assert_close(much.centre + much.means(phi) @ much.colour, means)
    errors = [gaussians(train, phi.numpy(), kappa, 0.5)[0] for kappa in (1e9, 1e-9)]
    torch.testing.assert_close(little.centre + little.means(phi) @ little.colour, torch.from_numpy(errors[1]))
    assert not np.allclose(*errors)


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_one_image_of_each_class_and_images_that_coincide_leave_scores_finite(offset: float) -> None:
    train = training(0, 4, 3, 5, 0)
    x, y = train.examples.inputs.float() + offset, train.examples.labels
    classes = LabelSpace(train.classes.names, train.classes.embeddings.float(), train.classes.seen)
    once = GaussianClasses(Dimensions(4, 3, 5))
    once.finalize(TrainingSet(Examples(x, y), classes))
    twice = GaussianClasses(Dimensions(4, 3, 5))
    twice.finalize(TrainingSet(Examples(torch.cat([x, x]), torch.cat([y, y])), classes))
    for model in (once, twice):
        assert model.scores(x, classes).isfinite().all()


def test_a_feature_that_never_varies_and_equal_descriptions_leave_scores_finite() -> None:
    stage = final(worlds.source())
    train = stage.training(GaussianClasses.setting)
    train.examples.inputs[:, 0] = 0.25
    train.classes.embeddings[:] = 1.0
    model = GaussianClasses(Dimensions(*stage.dims))
    model.finalize(train)
    assert model.scores(stage.held_out.unseen().inputs, stage.classes).isfinite().all()


@pytest.mark.parametrize(
    ("key", "value"),
    [("kappa", 0.0), ("kappa", math.inf), ("shrinkage", 0.0), ("shrinkage", 1.0), ("shrinkage", math.nan)],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        GaussianClasses(Dimensions(3, 2, 2), **{key: value})


@pytest.mark.parametrize(("s", "n", "d"), [(100, 30, 100), (100, 2, 512), (238, 2, 640)])
def test_what_descriptions_foretell_exactly_leaves_nothing(s: int, n: int, d: int) -> None:
    """Seen classes are then where descriptions say, however few images there are and whatever their noise."""
    generator = torch.Generator().manual_seed(0)
    y, phi = torch.arange(s).repeat_interleave(n), torch.randn(s, 5, generator=generator)
    x = (phi @ torch.randn(5, d, generator=generator))[y] * 0.3 + torch.randn(len(y), d, generator=generator)
    model = GaussianClasses(Dimensions(d, 5, s, 2), kappa=1.0)
    classes = LabelSpace(tuple(map(str, range(s))), phi, torch.ones(s, dtype=torch.bool))
    model.finalize(TrainingSet(Examples(x, y), classes))
    own, foretold_alone = model.seen_means, (phi - model.phi_mean) @ model.B
    of_images = torch.stack([(x[y == c].mean(dim=0) - model.centre) @ model.whiten for c in range(s)])
    assert (own - foretold_alone).norm() < 0.4 * (of_images - foretold_alone).norm()
