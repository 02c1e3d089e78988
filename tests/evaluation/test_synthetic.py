"""Means of synthetic features beside those of real ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zsl.errors import InputError
from zsl.evaluation.synthetic import near_own, plane


@given(classes=st.integers(1, 9), d=st.integers(1, 6), seed=st.integers(0, 999))
def test_near_own_counts_classes_one_by_one(classes: int, d: int, seed: int) -> None:
    real, made = torch.randn(2, classes, d, generator=torch.Generator().manual_seed(seed)).double()
    near = [min(range(classes), key=lambda j: float((made[i] - real[j]).norm())) == i for i in range(classes)]
    assert near_own(real, made) == pytest.approx(sum(near) / classes)
    assert near_own(real, real) == 1


def test_means_of_other_classes_are_refused() -> None:
    with pytest.raises(InputError, match=r"means: \(3, 2\) of real features, \(4, 2\) of synthetic ones"):
        near_own(torch.zeros(3, 2), torch.zeros(4, 2))


@given(classes=st.integers(1, 9), d=st.integers(1, 6), seed=st.integers(0, 999))
def test_the_plane_is_that_of_the_real_means(classes: int, d: int, seed: int) -> None:
    """Real means have variances there that are the two largest eigenvalues of their covariance; what is synthesised
    perfectly lies upon them, and what is moved orthogonally to the plane stays where it is."""
    real, made = torch.randn(2, classes, d, generator=torch.Generator().manual_seed(seed)).double()
    there, theirs = plane(real, made)
    assert there.shape == theirs.shape == (classes, 2)
    spectrum = torch.linalg.eigvalsh((real - real.mean(dim=0)).T @ (real - real.mean(dim=0))).flip(0)[:2]
    torch.testing.assert_close(there.square().sum(dim=0)[: len(spectrum)], spectrum, atol=1e-9, rtol=1e-9)
    again, upon = plane(real, real)
    assert torch.equal(again, upon)
    distance = (theirs - there).norm(dim=1)
    assert (distance <= (made - real).norm(dim=1) + 1e-9).all()
