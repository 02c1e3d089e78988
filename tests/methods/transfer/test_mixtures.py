"""Mixtures against every support in turn, a general solver, and the conditions of optimality."""

from __future__ import annotations

import itertools
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, minimize

from zsl.errors import InputError
from zsl.methods.transfer.mixtures import mixtures


def objective(z: np.ndarray, phi: np.ndarray, S: np.ndarray, gamma: float) -> float:
    return float(((phi - z @ S) ** 2).sum() / 2 + gamma / 2 * (z @ z))


def best_of_all_supports(phi: np.ndarray, S: np.ndarray, gamma: float) -> np.ndarray:
    """Return the best of the optima on all faces of the simplex, each by the equations of its affine hull."""
    s, found = len(S), []
    for size in range(1, s + 1):
        for face in map(list, itertools.combinations(range(s), size)):
            system = np.ones((size + 1, size + 1))
            system[:size, :size] = S[face] @ S[face].T + gamma * np.eye(size)
            system[size, size] = 0
            z = np.zeros(s)
            z[face] = np.linalg.solve(system, np.append(S[face] @ phi, 1))[:size]
            if (z >= 0).all():
                found.append(z)
    return min(found, key=lambda z: objective(z, phi, S, gamma))


def embeddings(rows: int, k: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, max_examples=60)
@given(
    m=st.integers(1, 4),
    k=st.integers(1, 5),
    s=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    gamma=st.sampled_from([1e-3, 0.1, 1.0, 100.0]),
)
def test_mixtures_are_the_best_of_all_supports(m: int, k: int, s: int, seed: int, gamma: float) -> None:
    phi, S = embeddings(m, k, seed), embeddings(s, k, seed + 1)
    expected = [best_of_all_supports(row, S.numpy(), gamma) for row in phi.numpy()]
    np.testing.assert_allclose(mixtures(phi, S, gamma).numpy(), expected, atol=1e-9)


def test_mixtures_of_many_classes_beat_a_general_solver() -> None:
    phi, S, gamma = embeddings(3, 20, 0).numpy(), embeddings(25, 20, 1).numpy(), 0.5
    Z = mixtures(torch.from_numpy(phi), torch.from_numpy(S), gamma).numpy()
    for z, row in zip(Z, phi, strict=True):
        slow = minimize(
            partial(objective, phi=row, S=S, gamma=gamma),
            np.full(25, 1 / 25),
            method="SLSQP",
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(np.ones(25), 1, 1),
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        np.testing.assert_allclose(z, slow.x, atol=1e-5)
        assert z.sum() == pytest.approx(1, abs=1e-12)
        assert objective(z, row, S, gamma) <= slow.fun * (1 + 1e-10)


@settings(deadline=None, max_examples=20)
@given(k=st.integers(1, 40), s=st.integers(1, 60), seed=st.integers(0, 10**6), scale=st.sampled_from([1e-2, 1.0, 1e2]))
def test_mixtures_satisfy_the_conditions_of_optimality(k: int, s: int, seed: int, scale: float) -> None:
    """On the support the gradient is the same, and nowhere less; also where seen classes are the same."""
    gamma, S = 0.1, embeddings(s, k, seed) * scale
    S[-1] = S[0]
    phi = torch.cat([S, embeddings(5, k, seed + 1) * scale])
    Z = mixtures(phi, S, gamma).numpy()
    gradient = (Z @ S.numpy() - phi.numpy()) @ S.numpy().T + gamma * Z
    assert (Z >= 0).all()
    np.testing.assert_allclose(Z.sum(axis=1), 1, rtol=1e-9)
    slack = gradient - gradient.min(axis=1, keepdims=True)
    assert (Z * slack).sum(axis=1).max() <= 1e-10 * max(1, scale**2 * k)


def test_each_class_is_mixed_on_its_own() -> None:
    phi, S = embeddings(30, 8, 2), embeddings(20, 8, 3)
    one_by_one = torch.cat([mixtures(row.unsqueeze(0), S, 0.05) for row in phi])
    torch.testing.assert_close(mixtures(phi, S, 0.05), one_by_one, rtol=0, atol=1e-12)


def test_a_small_gamma_leaves_seen_classes_to_themselves_and_a_large_one_mixes_all() -> None:
    S = embeddings(6, 8, 4)
    torch.testing.assert_close(mixtures(S, S, 1e-9), torch.eye(6, dtype=S.dtype), rtol=0, atol=1e-6)
    torch.testing.assert_close(mixtures(S, S, 1e9), torch.full_like(S[:, :6], 1 / 6), rtol=0, atol=1e-6)


def test_a_mixture_that_is_not_found_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is raised where pivots are used up far from the optimum, and only there."""
    phi, S = embeddings(3, 8, 5), embeddings(20, 8, 6)
    mixtures(phi, S, 0.01)
    monkeypatch.setattr("zsl.methods.transfer.mixtures.PIVOTS", 0)
    with pytest.raises(InputError, match=r"method\.gamma=0\.01: too small to mix .*; give a larger one"):
        mixtures(phi, S, 0.01)


@settings(deadline=None, max_examples=20)
@given(k=st.integers(1, 6), s=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_a_gamma_below_rounding_finds_a_mixture_or_says_that_it_does_not(k: int, s: int, seed: int) -> None:
    phi, S = embeddings(4, k, seed), embeddings(s, k, seed + 1)
    found = [phi.new_zeros(0, s)]
    with suppress(InputError):
        found += [mixtures(phi, S, 1e-17)]
    for z, row in zip(torch.cat(found).numpy(), phi.numpy(), strict=False):
        at_all = [objective(corner, row, S.numpy(), 0.0) for corner in np.eye(s)]
        assert objective(z, row, S.numpy(), 0.0) <= min(at_all) * (1 + 1e-6) + 1e-6
