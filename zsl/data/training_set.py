"""What training may see, and how it is handed out in batches."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace


class Setting(enum.StrEnum):
    """What training may see beside the seen images and φ of the seen classes; printed in every table."""

    INDUCTIVE = "inductive"
    """nothing"""
    UNSEEN_SEMANTICS = "unseen semantics"
    """φ of the unseen classes"""
    TRANSDUCTIVE = "transductive"
    """φ of the unseen classes, and their test images without labels"""


@dataclass(frozen=True)
class TrainingSet:
    """All that a method is given to learn from, cut to what its setting declares.

    ``classes`` are the seen classes (inductive) or all of them; ``examples.labels`` are positions in it;
    ``unlabelled`` are unseen-class images, for transductive methods only.
    """

    examples: Examples
    classes: LabelSpace
    unlabelled: Float[Tensor, "m d"] | None = None

    def to(self, device: torch.device | str) -> TrainingSet:
        """The same on another device."""
        unlabelled = None if self.unlabelled is None else self.unlabelled.to(device)
        return replace(self, examples=self.examples.to(device), classes=self.classes.to(device), unlabelled=unlabelled)


def stream(*key: int) -> int:
    """A seed for the random stream that these numbers name, such as (seed, epoch)."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Batch(NamedTuple):
    """What one training step sees."""

    x: Float[Tensor, "batch d"]
    y: Int[Tensor, " batch"]
    """positions in ``classes``"""
    classes: LabelSpace


class Batches:
    """Shuffled batches, sliced where the training set lies: no worker processes and no copies between devices.

    The order of epoch e is a function of (seed, e) alone, and the position can be saved and restored in the middle
    of an epoch: a resumed run sees the very batches that the interrupted one would have seen.
    """

    def __init__(self, train: TrainingSet, batch_size: int, seed: int) -> None:
        self.train = train
        self.batch_size = batch_size
        self.seed = seed
        self._epoch = 0
        self._position = 0

    def __len__(self) -> int:
        return -(-len(self.train.examples) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        if self._position >= len(self):
            self._epoch, self._position = self._epoch + 1, 0
        generator = torch.Generator().manual_seed(stream(self.seed, self._epoch))
        examples = self.train.examples
        order = torch.randperm(len(examples), generator=generator).to(examples.labels.device)
        while self._position < len(self):
            start = self._position * self.batch_size
            self._position += 1
            rows = order[start : start + self.batch_size]
            yield Batch(examples.inputs[rows], examples.labels[rows], self.train.classes)

    def state_dict(self) -> dict[str, int]:
        """Epoch, and number of batches that were handed out in it."""
        return {"epoch": self._epoch, "position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where ``state`` was taken."""
        self._epoch, self._position = state["epoch"], state["position"]
