"""Tip-Adapter-F: its gradient by hand, the falling rate, and the base, which stays."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.methods.few_labels import SCALE, asked, few, logits_to_loss, trained, unit, whole
from zsl.methods.few_labels.tip_adapter import TipAdapter
from zsl.methods.few_labels.tip_adapter_f import TipAdapterF

CACHE = {"alpha": 0.7, "beta": 2.0, "images_per_class": 16}


def test_loss_and_gradient_follow_the_definition() -> None:
    """∂loss/∂F_i = mean_n (p(y_i | x_n) - [y_n = y_i]) αβ exp(-β (1 - z_nᵀF_i)) z_n"""
    train = few()
    model = trained(TipAdapterF, train, epochs=2, lr=0.1, **CACHE)
    keys, phi = model.keys.detach().numpy(), train.classes.embeddings.numpy()
    images, labels = train.examples.tensor.numpy(), train.examples.labels.tolist()
    slots = [(c, i) for c in range(len(phi)) for i in range(labels.count(c))]
    logits, gradient = [], np.zeros_like(keys)
    for x in images:
        near = {slot: math.exp(-2 * (1 - unit(x) @ keys[slot])) for slot in slots}
        cached = [0.7 * sum(near[slot] for slot in slots if slot[0] == c) for c in range(len(phi))]
        logits.append([float(SCALE * unit(x) @ unit(row)) + cached[c] for c, row in enumerate(phi)])
    for x, row, y in zip(images, logits, labels, strict=True):
        p = np.exp(row) / np.sum(np.exp(row))
        for c, i in slots:
            near_i = math.exp(-2 * (1 - unit(x) @ keys[c, i]))
            gradient[c, i] += (p[c] - (c == y)) * 0.7 * 2 * near_i * unit(x) / len(images)
    loss = model.loss(whole(train))
    model.zero_grad()
    loss.backward()
    assert loss.item() == pytest.approx(logits_to_loss(logits, labels), rel=1e-9)
    np.testing.assert_allclose(model.keys.grad.numpy(), gradient, atol=1e-10)


def test_it_begins_as_tip_adapter() -> None:
    train = few()
    x, classes = asked(train)
    begun = trained(TipAdapterF, train, epochs=1, lr=1e-12, **CACHE).scores(x, classes)
    torch.testing.assert_close(begun.detach(), trained(TipAdapter, train, **CACHE).scores(x, classes))


def test_steps_lower_the_loss() -> None:
    train = few()
    losses = [
        trained(TipAdapterF, train, epochs=epochs, decay_epochs=8, lr=0.05, **CACHE).loss(whole(train)).item()
        for epochs in (1, 8)
    ]
    assert losses[1] < losses[0] - 0.01
