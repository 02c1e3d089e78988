"""CoCoOp: a prompt of its own for every pair of an image and a class, through transformers' own model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.methods.few_labels import whole
from tests.methods.text_towers import (
    NAMES,
    SEEN,
    WIDTH,
    cosine,
    few,
    slow_loss,
    spelled,
    text_vector,
    token_space,
    trained,
)
from zsl.methods.few_labels import cocoop
from zsl.methods.few_labels.cocoop import CoCoOp


def test_scores_and_gradients_are_those_of_single_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    train = few()
    model = trained(CoCoOp, train, context="a photo", reduction=4, epochs=3, lr=0.1, batch_size=3)
    weights = [each.detach().clone().requires_grad_() for each in (model.v, *model.pi.parameters())]
    v, W1, b1, W2, b2 = weights
    assert W1.shape == (WIDTH // 4, WIDTH)

    def t(x: Tensor, name: str) -> Tensor:
        pi = W2 @ (W1 @ normalize(x, dim=0) + b1).clamp(min=0) + b2
        return text_vector([*(vector + pi for vector in v), *spelled(name)])

    x, y = train.examples.tensor, train.examples.labels
    F = [[cosine(row, t(row, name)) for name in NAMES] for row in x]
    expected = torch.stack([torch.stack(row) for row in F])
    for texts in (1, 20, 1000):
        monkeypatch.setattr(cocoop, "TEXTS", texts)
        torch.testing.assert_close(model.scores(x, token_space()), expected, atol=1e-9, rtol=1e-9)
    slow = torch.autograd.grad(slow_loss([row[:SEEN] for row in F], y), weights)
    found = torch.autograd.grad(model.loss(whole(train)), [model.v, *model.pi.parameters()])
    assert min(each.abs().max().item() for each in found) > 1e-6
    for fast, own in zip(found, slow, strict=True):
        torch.testing.assert_close(fast, own, atol=1e-9, rtol=1e-9)


def test_steps_lower_the_loss_and_the_context_depends_on_the_image() -> None:
    train = few()
    how = {"decay_epochs": 12, "lr": 0.05, "batch_size": 5, "reduction": 2}
    models = [trained(CoCoOp, train, epochs=n, **how) for n in (1, 12)]
    losses = [model.loss(whole(train)).item() for model in models]
    assert losses[1] < losses[0] - 0.05
    z = models[1].z(train.examples.tensor)
    assert models[1].pi(z).std(dim=0).max() > 1e-4
