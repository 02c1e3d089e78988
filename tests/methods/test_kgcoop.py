"""KgCoOp: the loss of CoOp and the distances of class vectors, one by one."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from tests.methods.few_labels import whole
from tests.methods.text_towers import NAMES, SEEN, cosine, few, slow_loss, spelled, text_vector, trained
from zsl.methods.few_labels.coop import CoOp
from zsl.methods.few_labels.kgcoop import KgCoOp

HOW = {"context": "a photo", "lr": 0.1, "batch_size": 5}


def test_loss_and_gradient_follow_the_definition() -> None:
    train = few()
    model = trained(KgCoOp, train, lamb=3.0, epochs=4, **HOW)
    v = model.v.detach().clone().requires_grad_()
    t = [text_vector([*v, *spelled(name)]) for name in NAMES[:SEEN]]
    said = [text_vector([*spelled("a photo"), *spelled(name)]) for name in NAMES[:SEEN]]
    loss = slow_loss([[cosine(x, own) for own in t] for x in train.examples.tensor], train.examples.labels)
    for own, there in zip(t, said, strict=True):
        loss = loss + 3.0 / SEEN * (normalize(own, dim=0) - normalize(there, dim=0)).square().sum()
    found = model.loss(whole(train))
    assert found.item() == pytest.approx(loss.item(), rel=1e-9)
    slow, fast = torch.autograd.grad(loss, v)[0], torch.autograd.grad(found, model.v)[0]
    torch.testing.assert_close(fast, slow, atol=1e-9, rtol=1e-9)


def test_without_weight_it_is_coop_and_with_more_it_moves_less() -> None:
    train = few()
    phi = train.classes.embeddings
    coop, free, near = (
        trained(CoOp, train, epochs=6, **HOW),
        trained(KgCoOp, train, lamb=0.0, epochs=6, **HOW),
        trained(KgCoOp, train, lamb=100.0, epochs=6, **{**HOW, "lr": 0.001}),
    )
    assert torch.equal(coop.v, free.v)
    moved = [(model.w(phi) - normalize(model.t0(phi))).norm().item() for model in (free, near)]
    assert 0 < moved[1] < moved[0]
