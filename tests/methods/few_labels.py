"""A joint space that learns nothing, and data of few labels, for tests of methods that adapt one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.methods.one_at_a_time import random_batch
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, TrainingSet
from zsl.methods.alignment.joint_space import JointSpace
from zsl.methods.few_labels.adaptation import Adaptation
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

SCALE = 5.0
"""exp(s)"""
D, SEEN = 5, 4


class Towers(JointSpace):
    """Features of two towers, as they are: F(x, y) = 5 cos(θ(x), φ(y))."""

    def __init__(self, dims: Dimensions) -> None:
        super().__init__()
        self.joint = dims.features
        self.register_buffer("five", torch.tensor(SCALE))
        self.five: Tensor

    @property
    def scale(self) -> Tensor:
        return self.five

    def images(self, x: Tensor) -> Tensor:
        return x

    def texts(self, phi: Tensor) -> Tensor:
        return phi


def few(n: int = 14, seed: int = 0) -> TrainingSet:
    """Return images of four seen classes, every class with at least one."""
    batch = random_batch(n, D, D, SEEN, seed)
    labels = torch.cat([torch.arange(SEEN), batch.y[SEEN:]])
    return TrainingSet(Examples(batch.x, labels), batch.classes)


def trained(kind: type[Adaptation], train: TrainingSet, **keys: Any) -> Any:
    """Return the method, trained on top of :class:`Towers`."""
    torch.manual_seed(0)
    model = kind(Dimensions(D, D, SEEN), base=Towers, **keys).double()  # type: ignore[call-arg]
    return fit(model, train, Loop(progress_bar=False), seed=0)


def asked(train: TrainingSet, seed: int = 1) -> tuple[Tensor, LabelSpace]:
    """Return images, and the seen classes among unseen ones in another order."""
    other = random_batch(6, D, D, 3, seed)
    phi = torch.cat([other.classes.embeddings, train.classes.embeddings])
    seen = torch.tensor([False] * 3 + [True] * SEEN)
    return other.x, LabelSpace(tuple("abcdefg"), phi, seen).take([6, 0, 4, 1, 3, 2, 5])


def unit(v: np.ndarray) -> np.ndarray:
    return np.asarray(v / np.linalg.norm(v))


def zero_shot(x: np.ndarray, phi: np.ndarray) -> float:
    return float(SCALE * unit(x) @ unit(phi))


def known(train: TrainingSet, phi: np.ndarray) -> int | None:
    """Return the seen class of this φ."""
    rows = train.classes.embeddings.numpy()
    return next((c for c in range(len(rows)) if np.array_equal(rows[c], phi)), None)


def whole(train: TrainingSet) -> Batch:
    """Return all images as one batch."""
    return Batch(train.examples.tensor, train.examples.labels, train.classes)


def logits_to_loss(logits: list[list[float]], labels: list[int]) -> float:
    """Return the mean cross-entropy."""
    losses = [np.log(np.sum(np.exp(row))) - row[y] for row, y in zip(logits, labels, strict=True)]
    return float(np.mean(losses))
