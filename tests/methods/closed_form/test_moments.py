"""Moments against their definitions, over more rows and columns than are multiplied at a time."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.errors import InputError
from zsl.methods.closed_form import moments
from zsl.methods.closed_form.moments import (
    class_counts,
    class_scatter,
    class_sums,
    gram,
    positive,
    principal_axes,
    ridge_factor,
    ridge_spectrum,
)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "PRODUCTS", 4)
    monkeypatch.setattr(moments, "SUMS", 3)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 13), d=st.integers(1, 10), s=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_moments_are_sums_over_images(n: int, d: int, s: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, d)), rng.integers(0, s, n)
    X, labels = torch.from_numpy(x), torch.from_numpy(y)
    np.testing.assert_allclose(gram(X).numpy(), sum(np.outer(row, row) for row in x), atol=1e-12)
    np.testing.assert_allclose(gram(X.float()).numpy(), gram(X).numpy(), atol=1e-5)
    sums = class_sums(X, labels, s).numpy()
    for c in range(s):
        np.testing.assert_allclose(sums[c], x[y == c].sum(axis=0), atol=1e-12)
        assert class_counts(labels, s)[c] == np.sum(y == c)
    groups = [x[y == c] for c in range(s) if (y == c).any()]
    scatter = sum((group - group.mean(axis=0)).T @ (group - group.mean(axis=0)) for group in groups)
    means = torch.from_numpy(sums) / class_counts(labels, s).clamp(min=1).unsqueeze(1)
    np.testing.assert_allclose(class_scatter(X, labels, means).numpy(), scatter, atol=1e-12)


def test_classes_of_one_image_have_no_scatter_however_far_they_are() -> None:
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(0)) + 1e6
    assert not class_scatter(x, torch.arange(9), x.double()).any()


def test_a_factor_leaves_its_matrix_alone() -> None:
    A = torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    L = ridge_factor(A, lamb=0.5)
    torch.testing.assert_close(L @ L.T, torch.tensor([[2.5, 1.0], [1.0, 2.5]], dtype=torch.float64))
    assert A[0, 0] == 2


def test_a_penalty_that_rounding_swallows_is_refused_by_name() -> None:
    A = torch.ones(3, 3, dtype=torch.float64) * 1e6
    with pytest.raises(InputError, match=r"method.gamma=1e-15: lost in the rounding"):
        ridge_factor(A, gamma=1e-15)


def test_the_grid_refuses_what_a_factorisation_refuses() -> None:
    x = torch.ones(3, 3, dtype=torch.float64) * 1e3
    b, _ = principal_axes(x)
    with pytest.raises(InputError, match=r"method.gamma=1e-15: lost in the rounding"):
        ridge_spectrum(b, gamma=1e-15)
    torch.testing.assert_close(ridge_spectrum(b, gamma=2.0), b + 2)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 8), d=st.integers(1, 10), seed=st.integers(0, 10**6))
def test_principal_axes_are_as_many_as_the_rank(n: int, d: int, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((n, d))
    X = torch.from_numpy(x)
    for b, V in (principal_axes(X), positive(*principal_axes(X))):
        np.testing.assert_allclose((V * b @ V.T).numpy(), x.T @ x, atol=1e-11)
        np.testing.assert_allclose((V.T @ V).numpy(), np.eye(len(b)), atol=1e-11)
    assert len(b) == np.linalg.matrix_rank(x)


def test_moments_are_computed_once_for_the_same_features() -> None:
    x = torch.randn(5, 3)
    assert gram(x) is gram(x)
    assert principal_axes(x) is principal_axes(x)
    assert gram(x) is not gram(x.clone())


def test_features_that_were_written_to_have_new_moments() -> None:
    x = torch.randn(5, 3, dtype=torch.float64)
    gram(x), principal_axes(x)
    x[:, 1] = 0
    torch.testing.assert_close(gram(x), x.T @ x)
    assert abs(principal_axes(x)[0][0]) < 1e-12


def test_moments_are_forgotten_with_the_features() -> None:
    x = torch.randn(5, 3)
    kept = [weakref.ref(gram(x)), *map(weakref.ref, principal_axes(x)), weakref.ref(x)]
    del x
    gc.collect()
    assert [part() for part in kept] == [None] * 4


def test_features_of_inference_mode_are_not_remembered() -> None:
    with torch.inference_mode():
        x = torch.randn(5, 3, dtype=torch.float64)
        gram(x)
        x[:, 1] = 0
        torch.testing.assert_close(gram(x), x.T @ x)
