"""Cross-modal adaptation: scores and loss, image by image and text by text."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.methods.few_labels import SCALE, asked, few, known, logits_to_loss, trained, unit, whole, zero_shot
from zsl.methods.few_labels.cross_modal import CrossModal


def test_scores_are_products_with_learned_weights_or_with_texts() -> None:
    train = few()
    model = trained(CrossModal, train, epochs=3, lr=0.05)
    x, classes = asked(train)
    V = model.V.detach().numpy()
    expected = []
    for row in x.numpy():
        scores = []
        for phi in classes.embeddings.numpy():
            c = known(train, phi)
            scores.append(zero_shot(row, phi) if c is None else float(SCALE * unit(row) @ V[c]))
        expected.append(scores)
    np.testing.assert_allclose(model.scores(x, classes).detach().numpy(), expected, atol=1e-9)


def test_texts_are_examples_of_their_classes() -> None:
    train = few()
    model = trained(CrossModal, train, epochs=3, lr=0.05)
    V = model.V.detach().numpy()
    images = [[float(SCALE * unit(x) @ v) for v in V] for x in train.examples.tensor.numpy()]
    texts = [[float(SCALE * unit(phi) @ v) for v in V] for phi in train.classes.embeddings.numpy()]
    expected = logits_to_loss(images, train.examples.labels.tolist()) + logits_to_loss(texts, list(range(len(V))))
    assert model.loss(whole(train)).item() == pytest.approx(expected / 2, rel=1e-9)


def test_it_begins_with_the_texts_and_lowers_the_loss() -> None:
    train = few()
    first = trained(CrossModal, train, epochs=1, lr=1e-12)
    torch.testing.assert_close(first.V.detach(), torch.nn.functional.normalize(train.classes.embeddings))
    losses = [model.loss(whole(train)).item() for model in (first, trained(CrossModal, train, epochs=15, lr=0.05))]
    assert losses[1] < losses[0] - 0.05
