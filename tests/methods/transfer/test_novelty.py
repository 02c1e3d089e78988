"""Local outlier probabilities, one image and one neighbour after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from zsl.methods.method import Dimensions
from zsl.methods.transfer.novelty import FLOOR, Gaussians, LocalOutliers


def sigma_and_neighbours(f: np.ndarray, among: list[np.ndarray], neighbours: int) -> tuple[float, list[int]]:
    """Return σ(f) and N(f), without f itself."""
    distance = [math.inf if q is f else math.dist(f, q) for q in among]
    near = [i for i in np.argsort(distance, kind="stable")[:neighbours].tolist() if distance[i] < math.inf]
    return math.sqrt(sum(distance[i] ** 2 for i in near) / len(near)), near


def plof(f: np.ndarray, among: list[np.ndarray], neighbours: int) -> float:
    sigma, near = sigma_and_neighbours(f, among, neighbours)
    usual = [sigma_and_neighbours(among[i], among, neighbours)[0] for i in near]
    return sigma / (sum(usual) / len(usual)) - 1


def loop(f: np.ndarray, among: list[np.ndarray], neighbours: int, lamb: float) -> float:
    """Return LoOP by the formula of the papers: an error function of PLOF over λ times its root mean square."""
    Z = lamb * math.sqrt(sum(plof(q, among, neighbours) ** 2 for q in among) / len(among))
    return max(0.0, math.erf(plof(f, among, neighbours) / Z))


def projected(n: int, k: int, seed: int) -> torch.Tensor:
    return torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, max_examples=25)
@given(
    s=st.integers(1, 3),
    k=st.integers(1, 4),
    size=st.integers(3, 8),
    references=st.integers(2, 10),
    neighbours=st.integers(1, 12),
    rejected=st.sampled_from([0.0, 0.1, 0.5]),
    seed=st.integers(0, 10**6),
)
def test_novel_is_what_is_less_probable_than_the_share_of_references(
    s: int, k: int, size: int, references: int, neighbours: int, rejected: float, seed: int
) -> None:
    y = torch.arange(s).repeat(size)
    f, x = projected(s * size, k, seed), 2 * projected(6, k, seed + 1)
    detector = LocalOutliers(Dimensions(2, k, s), rejected, references, neighbours).double()
    detector.fit(f, y, projected(s, k, seed + 2))
    positions = [i * size // references for i in range(references)] if size > references else range(size)
    kept = [f[y == c][i].numpy() for c in range(s) for i in positions]
    own = [plof(q, kept, neighbours) for q in kept]
    assert float(detector.threshold) == pytest.approx(np.quantile(own, 1 - rejected), abs=1e-9)
    for row, novel in zip(x.numpy(), detector(x).tolist(), strict=True):
        value = plof(row, kept, neighbours)
        assert abs(value - float(detector.threshold)) < 1e-9 or novel == (value > float(detector.threshold))


@settings(deadline=None, max_examples=25)
@given(s=st.integers(1, 4), k=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_gaussians_have_the_density_of_the_normal_distribution(s: int, k: int, seed: int) -> None:
    """Up to k/2 log 2π, which all classes share: with one σ a class, k log σ² does not cancel."""
    y = torch.arange(s).repeat(7)
    f, S, x = projected(7 * s, k, seed), projected(s, k, seed + 1), projected(9, k, seed + 2)
    f[y == 0] *= 3
    detector = Gaussians(Dimensions(2, k, s), 0.2).double()
    detector.fit(f, y, S)
    variances = [np.mean((f[y == c] - S[c]).numpy() ** 2) + FLOOR for c in range(s)]
    classes = [multivariate_normal(S[c].numpy(), variances[c] * np.eye(k)) for c in range(s)]
    density = np.max([np.atleast_1d(each.logpdf(x.numpy())) for each in classes], axis=0)
    np.testing.assert_allclose(detector.log_density(x) - k / 2 * math.log(2 * math.pi), density, rtol=1e-9, atol=1e-9)
    own = np.max([np.atleast_1d(each.logpdf(f.numpy())) for each in classes], axis=0)
    clear = abs(density - np.quantile(own, 0.2)) > 1e-9
    assert (detector(x).numpy() == (density < np.quantile(own, 0.2)))[clear].all()


def test_the_probability_orders_images_as_the_factor_does() -> None:
    """erf, Z and λ do not change the order of images."""
    among, x = list(projected(15, 3, 0).numpy()), 3 * projected(20, 3, 1).numpy()
    factors = [plof(f, among, 4) for f in x]
    for lamb in (1.0, 3.0):
        probabilities = np.array([loop(f, among, 4, lamb) for f in x])[np.argsort(factors)]
        assert (np.diff(probabilities) >= 0).all()
        assert 0 < probabilities[-1] <= 1


def test_far_away_is_novel_and_amid_the_references_is_not() -> None:
    f, y = projected(40, 3, 2), torch.arange(2).repeat(20)
    detector = LocalOutliers(Dimensions(2, 3, 2), 0.0, 20, 5).double()
    detector.fit(f, y, projected(2, 3, 3))
    assert detector(f.mean(dim=0, keepdim=True) + torch.tensor([[0.0], [100.0]])).tolist() == [False, True]


def test_images_that_coincide_are_not_novel() -> None:
    detector = LocalOutliers(Dimensions(2, 3, 1), 0.2, 5, 3)
    detector.fit(torch.zeros(6, 3), torch.zeros(6, dtype=torch.long), torch.zeros(1, 3))
    assert detector(torch.tensor([[0.0, 0, 0], [1, 0, 0]])).tolist() == [False, True]
