"""The ranking methods in plain numpy: one image after the other, one class after the other, gradients by hand.

A method is what it makes of an image's hinges [Δ + F(x, y) - F(x, y_n)]₊: the weight of every violating class. Several
latent maps are W (K × d × k); one map is K = 1. Tests compare with it, benchmarks run against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, Batches, TrainingSet
from zsl.methods.compatibility.bilinear import BilinearSGD
from zsl.training.fit import fit
from zsl.training.loop import Loop

Hinges = list[float]
Weigh = Callable[[Hinges], dict[int, float]]
"""hinges of all classes, 0 for the image's own -> weights of the violating classes"""
Gradient = Callable[[np.ndarray, np.ndarray, int, np.ndarray, float, Weigh], tuple[float, np.ndarray]]
"""W, x, y, φ, Δ and the weights -> loss and gradient of one image"""


def violating(hinges: Hinges) -> list[int]:
    """Return the classes that violate the margin."""
    return [c for c, hinge in enumerate(hinges) if hinge > 0]


def ale(hinges: Hinges) -> dict[int, float]:
    """Return weights β_r / r, with β_r the sum of 1/i up to the number r of violating classes."""
    r = len(violating(hinges))
    return {c: sum(1 / i for i in range(1, r + 1)) / r for c in violating(hinges)}


def devise(hinges: Hinges) -> dict[int, float]:
    """Return weights of 1."""
    return dict.fromkeys(violating(hinges), 1.0)


def sje(hinges: Hinges) -> dict[int, float]:
    """Return a weight of 1 for the most violating class."""
    return {c: 1.0 for c in violating(hinges) if c == hinges.index(max(hinges))}


def latem(hinges: Hinges) -> dict[int, float]:
    """Return weights of 1 over the number of wrong classes."""
    return dict.fromkeys(violating(hinges), 1 / (len(hinges) - 1) if len(hinges) > 1 else 1.0)


def by_class(
    W: np.ndarray, x: np.ndarray, y: int, phi: np.ndarray, margin: float, weigh: Weigh
) -> tuple[float, np.ndarray]:
    """Return loss and gradient of one image, one class at a time, as the definition reads."""
    best, scores = [], []
    for row in phi:
        by_map = [float(x @ W_i @ row) for W_i in W]
        best.append(by_map.index(max(by_map)))
        scores.append(max(by_map))
    hinges = [0.0 if c == y else max(0.0, margin + scores[c] - scores[y]) for c in range(len(phi))]
    loss, gradient = 0.0, np.zeros_like(W)
    for c, weight in weigh(hinges).items():
        loss += weight * hinges[c]
        gradient[best[c]] += np.outer(x, weight * phi[c])
        gradient[best[y]] -= np.outer(x, weight * phi[y])
    return loss, gradient


def projected_once(
    W: np.ndarray, x: np.ndarray, y: int, phi: np.ndarray, margin: float, weigh: Weigh
) -> tuple[float, np.ndarray]:
    """Return loss and gradient of one image by matrices: x is projected once, one outer product per map."""
    by_map = x @ W @ phi.T
    best, scores = by_map.argmax(axis=0), by_map.max(axis=0)
    hinge = np.maximum(0, margin + scores - scores[y])
    hinge[y] = 0
    weights = weigh(hinge.tolist())
    pull = np.zeros((len(W), phi.shape[1]), dtype=W.dtype)
    for c, weight in weights.items():
        pull[best[c]] += weight * phi[c]
    pull[best[y]] -= sum(weights.values()) * phi[y]
    return sum(weight * float(hinge[c]) for c, weight in weights.items()), x[:, None] * pull[:, None, :]


def loss_and_gradient(W: np.ndarray, batch: Batch, margin: float, weigh: Weigh) -> tuple[float, np.ndarray]:
    """Return the mean loss and gradient over a batch."""
    phi = batch.classes.embeddings.numpy()
    each = [by_class(W, x, y, phi, margin, weigh) for x, y in zip(batch.x.numpy(), batch.y.tolist(), strict=True)]
    losses, gradients = zip(*each, strict=True)
    return sum(losses) / len(losses), sum(gradients) / len(gradients)


def train(
    W: np.ndarray,
    images: Iterable[tuple[np.ndarray, int]],
    phi: np.ndarray,
    margin: float,
    weigh: Weigh,
    lr: float,
    momentum: float,
    weight_decay: float = 0.0,
    gradient: Gradient = by_class,
) -> np.ndarray:
    """Return W after v ← μv + ∂loss + λW, W ← W - ηv, once for every image."""
    W, v = W.copy(), np.zeros_like(W)
    for x, y in images:
        v *= momentum
        v += gradient(W, x, y, phi, margin, weigh)[1]
        if weight_decay:
            v += weight_decay * W
        W -= lr * v
    return W


def maps(model: BilinearSGD) -> np.ndarray:
    """Return W of a method as K × d × k."""
    d, count = len(model.W), getattr(model, "maps", 1)
    return model.W.detach().numpy().reshape(d, count, -1).transpose(1, 0, 2).copy()


def random_batch(n: int, d: int, k: int, s: int, seed: int) -> Batch:
    """Return normally distributed images and class embeddings in float64."""
    generator = torch.Generator().manual_seed(seed)
    names, seen = tuple(map(str, range(s))), torch.ones(s, dtype=torch.bool)
    classes = LabelSpace(names, torch.randn(s, k, generator=generator, dtype=torch.float64), seen)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return Batch(x, torch.randint(0, s, (n,), generator=generator), classes)


def random_training_set(n: int = 40, d: int = 6, k: int = 5, s: int = 7, seed: int = 0) -> TrainingSet:
    """Return a training set of one random batch."""
    batch = random_batch(n, d, k, s, seed)
    return TrainingSet(Examples(batch.x, batch.y), batch.classes)


def assert_loss_and_gradient(model: BilinearSGD, batch: Batch, margin: float, weigh: Weigh) -> None:
    """Assert that automatic differentiation of the method's loss agrees with the loop."""
    expected, gradient = loss_and_gradient(maps(model), batch, margin, weigh)
    loss = model.loss(batch)
    loss.backward()
    assert model.W.grad is not None
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-9, atol=1e-12)
    model.W.data = model.W.grad
    np.testing.assert_allclose(maps(model), gradient, rtol=1e-9, atol=1e-12)


def assert_trains_alike(model: BilinearSGD, train_set: TrainingSet, margin: float, weigh: Weigh) -> None:
    """Assert that training at batch size 1 makes the steps of the loop over images, in the same order."""
    assert model.batch_size == 1
    model = model.double()
    order = (b for batches in [Batches(train_set, 1, seed=5)] for _ in range(model.epochs) for b in batches)
    images = ((b.x[0].numpy(), int(b.y)) for b in order)
    before = maps(model)
    phi = train_set.classes.embeddings.numpy()
    expected = train(before, images, phi, margin, weigh, model.lr, model.momentum, model.weight_decay)
    fit(model, train_set, Loop(progress_bar=False), seed=5)
    assert np.abs(expected - before).max() > 0.1
    np.testing.assert_allclose(maps(model), expected, rtol=1e-9, atol=1e-11)
