"""CLIP-Adapter image by image."""

from __future__ import annotations

import numpy as np
import pytest

from tests.methods.few_labels import SCALE, asked, few, logits_to_loss, trained, unit, whole
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.few_labels.clip_adapter import CLIPAdapter


def by_hand(model: CLIPAdapter, x: np.ndarray, phi: np.ndarray) -> list[list[float]]:
    """Two matrices, two rectifiers, and a share of the image's own vector."""
    down, up = (model.a[i].weight.detach().numpy() for i in (0, 2))
    scores = []
    for row in x:
        narrow = np.maximum(0, down @ row)
        adapted = model.ratio * np.maximum(0, up @ narrow) + (1 - model.ratio) * row
        scores.append([float(SCALE * unit(adapted) @ unit(text)) for text in phi])
    return scores


@pytest.fixture
def train() -> TrainingSet:
    return few()


@pytest.mark.parametrize("ratio", [0.0, 0.2, 0.6])
def test_scores_and_loss_follow_the_definition(train: TrainingSet, ratio: float) -> None:
    model = trained(CLIPAdapter, train, ratio=ratio, reduction=2, epochs=3, lr=0.05)
    assert model.a[0].weight.shape == (2, 5)
    x, classes = asked(train)
    found = model.scores(x, classes).detach().numpy()
    np.testing.assert_allclose(found, by_hand(model, x.numpy(), classes.embeddings.numpy()), atol=1e-9)
    logits = by_hand(model, train.examples.tensor.numpy(), train.classes.embeddings.numpy())
    expected = logits_to_loss(logits, train.examples.labels.tolist())
    assert model.loss(whole(train)).item() == pytest.approx(expected, rel=1e-9)


def test_epochs_without_a_learning_rate_are_refused(train: TrainingSet) -> None:
    reason = r"method\.epochs=200: the learning rate is 0 after method\.decay_epochs=50; raise both"
    with pytest.raises(InputError, match=reason):
        trained(CLIPAdapter, train, epochs=200, decay_epochs=50)


def test_steps_lower_the_loss(train: TrainingSet) -> None:
    losses = [trained(CLIPAdapter, train, ratio=0.6, epochs=n, lr=0.05).loss(whole(train)).item() for n in (1, 15)]
    assert losses[1] < losses[0] - 0.05


def test_ratio_0_learns_nothing(train: TrainingSet) -> None:
    losses = [trained(CLIPAdapter, train, ratio=0.0, epochs=n, lr=0.05).loss(whole(train)).item() for n in (1, 15)]
    assert losses[1] == losses[0]
