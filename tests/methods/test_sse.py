"""SSE's histograms feature by feature and class by class, its hinge image by image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests import worlds
from tests.methods.test_cmt import batch
from tests.methods.transfer.test_mixtures import best_of_all_supports
from zsl.data.protocol import final
from zsl.data.training_set import Batch
from zsl.errors import InputError
from zsl.methods.method import Dimensions
from zsl.methods.transfer.mixtures import mixtures
from zsl.methods.transfer.sse import SSE
from zsl.training.fit import fit
from zsl.training.loop import Loop


def model_and_batch(mapping: str, seed: int, n: int = 5, d: int = 4, k: int = 3, s: int = 4) -> tuple[SSE, Batch]:
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
    gradients = torch.autograd.grad(model.loss(b), (model.w, model.V))
    for parameter, gradient in zip((model.w, model.V), gradients, strict=True):
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            value, losses = float(flat[i]), []
            for step in (1e-6, -1e-6):
                flat[i] = value + step
                losses.append(model.loss(b).item())
            flat[i] = value
            assert float(gradient.view(-1)[i]) == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-6)


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
