"""The class-normalised perceptron written out in numpy; whose statistics it uses, and when."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import StepLR

from tests import worlds
from tests.methods.test_cmt import batch
from zsl.data.protocol import Stage, final
from zsl.errors import InputError
from zsl.methods.method import Dimensions
from zsl.methods.transfer.class_norm import ClassNorm, ClassStandardization
from zsl.training.fit import fit
from zsl.training.loop import Loop


@pytest.fixture(scope="module")
def stage() -> Stage:
    return final(worlds.source())


@pytest.fixture(scope="module")
def model(stage: Stage) -> ClassNorm:
    torch.manual_seed(0)
    norm = ClassNorm(Dimensions(*stage.dims), hidden=16, epochs=4, batch_size=16, lr=1e-2)
    fit(norm, stage.training(norm.setting), Loop(progress_bar=False), 0)
    return norm.double()


def prototypes(model: ClassNorm, S: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """p(φ) with the statistics of the seen embeddings S."""
    W1, b1, W2, b2, W3, b3 = (p.detach().double().numpy() for p in model.p.parameters())

    def hidden(a: np.ndarray) -> np.ndarray:
        a = a / np.linalg.norm(a, axis=1, keepdims=True) * np.sqrt(a.shape[1])
        return np.maximum(a @ W1.T + b1, 0) @ W2.T + b2

    def standardised(h: np.ndarray, of: np.ndarray) -> np.ndarray:
        return (h - of.mean(axis=0)) / (of.var(axis=0) + 1e-5)

    h, seen = hidden(phi), hidden(S)
    h, seen = (np.maximum(standardised(rows, seen), 0) for rows in (h, seen))
    return np.maximum(standardised(h, seen) @ W3.T + b3, 0)


def test_scores_are_scaled_cosines_to_prototypes(model: ClassNorm, stage: Stage) -> None:
    phi, x = stage.classes.embeddings.double().numpy(), stage.held_out.unseen().inputs.double()
    expected = []
    for row in x.numpy():
        p = prototypes(model, phi[stage.classes.seen.numpy()], phi)
        expected.append([25 * row @ q / np.linalg.norm(row) / np.linalg.norm(q) if q.any() else 0.0 for q in p])
    found = model.scores(x, stage.classes.to("cpu", torch.float64)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_loss_is_cross_entropy_over_the_classes_in_training() -> None:
    torch.manual_seed(0)
    norm, b = ClassNorm(Dimensions(4, 3, 5), hidden=8, scale=2.0).double(), batch(6, 4, 3, 5, 0)
    S = b.classes.embeddings.numpy()
    p = prototypes(norm, S, S)
    total = 0.0
    for x, y in zip(b.x.numpy(), b.y.tolist(), strict=True):
        z = [4 * x @ q / np.linalg.norm(x) / np.linalg.norm(q) if q.any() else 0.0 for q in p]
        total += math.log(sum(math.exp(v) for v in z)) - z[y]
    assert norm.loss(b).item() == pytest.approx(total / 6, rel=1e-6)


def test_statistics_are_those_of_the_seen_classes_whatever_was_seen_last(model: ClassNorm, stage: Stage) -> None:
    """Scoring leaves them alone; finalize takes them anew from the seen classes, from nothing else."""
    expected = {name: value.clone() for name, value in model.named_buffers()}
    x, classes = stage.held_out.unseen().inputs.double(), stage.classes.to("cpu", torch.float64)
    model.scores(x, classes)
    train = stage.training(model.setting)
    double = replace(train, classes=train.classes.to("cpu", torch.float64))
    model.finalize(replace(double, examples=replace(train.examples, inputs=train.examples.inputs.double())))
    for name, value in model.named_buffers():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)
    assert not model.training


def test_standardisation_divides_by_the_variance() -> None:
    module, h = ClassStandardization(2), torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    torch.testing.assert_close(module(h), torch.tensor([[-1.0, -0.5], [1.0, 0.5]]), rtol=1e-4, atol=0)
    torch.testing.assert_close(module.eval()(h[:1]), torch.tensor([[-1.0, -0.5]]), rtol=1e-4, atol=0)


def test_the_last_layer_starts_with_variance_one_over_its_size_and_the_rate_falls() -> None:
    torch.manual_seed(0)
    norm = ClassNorm(Dimensions(50, 4, 3), hidden=200, decay_every=7)
    last = list(norm.p.children())[-2]
    assert isinstance(last, torch.nn.Linear)
    assert float(last.weight.detach().var()) == pytest.approx(1 / (200 * 50), rel=0.05)
    schedule = norm.configure_optimizers()["lr_scheduler"]
    assert isinstance(schedule, StepLR)
    assert (schedule.step_size, schedule.gamma) == (7, 0.1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden", 0),
        ("scale", 0.0),
        ("lr", math.inf),
        ("epochs", 0),
        ("decay_every", 0),
        ("batch_size", 1.5),
        ("weight_decay", -1.0),
    ],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}: must be"):
        ClassNorm(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
