"""SSE: mixtures against every support in turn, histograms feature by feature, the hinge image by image."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, minimize

from tests import worlds
from tests.methods.test_cmt import batch
from zsl.data.protocol import final
from zsl.errors import InputError
from zsl.fit import Loop, fit
from zsl.methods.transfer.sse import SSE, mixtures
from zsl.model import Dimensions


def objective(z: np.ndarray, phi: np.ndarray, S: np.ndarray, gamma: float) -> float:
    return float(((phi - z @ S) ** 2).sum() / 2 + gamma / 2 * (z @ z))


def best_of_all_supports(phi: np.ndarray, S: np.ndarray, gamma: float) -> np.ndarray:
    """The optimum on every face of the simplex, by the equations of its affine hull; the best that is inside."""
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
            lambda z, row=row: objective(z, row, S, gamma),
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


def model_and_batch(mapping: str, seed: int, n: int = 5, d: int = 4, k: int = 3, s: int = 4) -> tuple:  # type: ignore[type-arg]
    model, b = SSE(Dimensions(d, k, s), gamma=0.2, mapping=mapping).double(), batch(n, d, k, s, seed)  # type: ignore[arg-type]
    torch.manual_seed(seed)
    torch.nn.init.normal_(model.w)
    torch.nn.init.normal_(model.V)
    return model, b


def slow_scores(w: np.ndarray, V: np.ndarray, mapping: str, x: np.ndarray, Z: np.ndarray) -> np.ndarray:
    def psi(row: np.ndarray, v: np.ndarray) -> list[float]:
        pairs = zip(row, v, strict=True)
        return [min(a, b) if mapping == "intersection" else max(0.0, a - b) for a, b in pairs]

    return np.array([[sum(z[s] * (w @ psi(row, V[s])) for s in range(len(V))) for z in Z] for row in x])


@pytest.mark.parametrize("mapping", ["intersection", "relu"])
def test_scores_and_loss_follow_the_definition(mapping: str) -> None:
    for seed in range(5):
        model, b = model_and_batch(mapping, seed)
        w, V, S = model.w.detach().numpy(), model.V.detach().numpy(), b.classes.embeddings.numpy()
        Z = np.array([best_of_all_supports(row, S, 0.2) for row in S])
        F = slow_scores(w, V, mapping, b.x.numpy(), Z)
        total = 0.0
        for scores, y in zip(F, b.y.tolist(), strict=True):
            total += sum(max(0.0, 1 + scores[c] - scores[y]) for c in range(4) if c != y) / 3
        assert model.loss(b).item() == pytest.approx(total / 5, rel=1e-9)
        np.testing.assert_allclose(model.scores(b.x, b.classes).detach().numpy(), F, atol=1e-9)


@pytest.mark.parametrize("mapping", ["intersection", "relu"])
def test_gradients_are_those_of_the_loss(mapping: str) -> None:
    model, b = model_and_batch(mapping, 0)
    model.loss(b).backward()
    for parameter in (model.w, model.V):
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            value, losses = float(flat[i]), []
            for step in (1e-6, -1e-6):
                flat[i] = value + step
                losses.append(model.loss(b).item())
            flat[i] = value
            assert float(parameter.grad.view(-1)[i]) == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-6)


def test_the_two_mappings_rank_alike_with_weights_of_opposite_sign() -> None:
    """min(x, v) + [x - v]₊ = x, and the w of one image's x is the same for every class."""
    model, b = model_and_batch("intersection", 1)
    other, _ = model_and_batch("relu", 1)
    other.w.data.neg_()
    difference = model.scores(b.x, b.classes) - other.scores(b.x, b.classes)
    torch.testing.assert_close(difference, difference[:, :1].expand_as(difference))


def test_mixtures_are_those_of_the_classes_in_training_whatever_was_seen_before() -> None:
    stage = final(worlds.source())
    model = SSE(Dimensions(*stage.dims), gamma=0.3, epochs=1)
    train = stage.training(model.setting)
    fit(model, train, Loop(progress_bar=False), 0)
    S = train.classes.embeddings
    torch.testing.assert_close(model.S, S)
    torch.testing.assert_close(model.Z, mixtures(S, S, 0.3))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gamma", 0.0),
        ("gamma", math.nan),
        ("lr", math.inf),
        ("epochs", 0),
        ("batch_size", 1.5),
        ("weight_decay", -1.0),
    ],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}: must be"):
        SSE(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]


def test_an_unknown_mapping_is_refused() -> None:
    with pytest.raises(InputError, match=r"method\.mapping=int is unknown; choose one of intersection, relu"):
        SSE(Dimensions(3, 2, 2), mapping="int")  # type: ignore[arg-type]
