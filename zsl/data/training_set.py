"""Training sets, limited to the data that a method's setting allows, and batches of them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace


class Setting(enum.StrEnum):
    """Data that training may use in addition to images and φ of the seen classes; printed in every table."""

    INDUCTIVE = "inductive"
    """no additional data"""
    UNSEEN_SEMANTICS = "unseen semantics"
    """φ of the unseen classes"""
    TRANSDUCTIVE = "transductive"
    """φ of the unseen classes, and their test images without labels"""


@dataclass(frozen=True)
class TrainingSet:
    """Images and classes that a method is trained on, limited to what its setting allows.

    ``classes`` are the seen classes (inductive) or all classes; ``examples.labels`` are positions in ``classes``;
    ``unlabelled`` are images of unseen classes, for transductive methods only.
    """

    examples: Examples
    classes: LabelSpace
    unlabelled: Float[Tensor, "m d"] | None = None

    def of_seen_classes(self) -> TrainingSet:
        """Return a training set of the same examples whose label space is the seen classes alone."""
        seen = self.classes.seen_ids
        if len(seen) == len(self.classes):
            return self
        position = torch.full_like(self.classes.seen, -1, dtype=torch.long)
        position[seen] = torch.arange(len(seen), device=seen.device)
        return TrainingSet(Examples(self.examples.inputs, position[self.examples.labels]), self.classes.take(seen))

    def to(self, device: torch.device | str) -> TrainingSet:
        """Return the training set on another device."""
        unlabelled = None if self.unlabelled is None else self.unlabelled.to(device)
        return replace(self, examples=self.examples.to(device), classes=self.classes.to(device), unlabelled=unlabelled)


def stream(*key: int) -> int:
    """Return the seed of the random stream with the given key, such as (seed, epoch)."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Batch(NamedTuple):
    """Input of one training step."""

    x: Float[Tensor, "*several batch d"]
    y: Int[Tensor, "*several batch"]
    """positions in ``classes``"""
    classes: LabelSpace
    share: float = 1.0
    """weight of the loss in the mean over processes that share a batch, more than 1 where others have fewer images"""

    def to(self, device: torch.device) -> Batch:
        """Return the batch on another device."""
        return Batch(self.x.to(device), self.y.to(device), self.classes.to(device), self.share)


class Batches:
    """Shuffled batches, sliced on the device of the training set, without worker processes or copies between devices.

    The order of epoch e is a function of (seed, e) alone, and the position can be saved and restored in the middle
    of an epoch: a resumed run has the batches that the interrupted run would have had.

    Stored rows are read window by window (:meth:`.StoredRows.windows`), and shuffled within each.

    ``train`` is the training set; batches are drawn from ``shown``, which is ``train`` unless a subclass replaces it.
    """

    def __init__(self, train: TrainingSet, batch_size: int, seed: int) -> None:
        self.train = self.shown = train
        self.batch_size = batch_size
        self.seed = seed
        self.processes = 1
        self._epoch = 0
        self._position = 0

    def __len__(self) -> int:
        return -(-len(self.train.examples) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        if self._position >= len(self):
            self._epoch, self._position = self._epoch + 1, 0
        done = 0
        for key, steps, pool in self._pools():
            skipped, done = self._position - done, done + steps
            if skipped >= steps:
                continue
            examples = pool()
            for rows in self._rows(examples.labels, stream(*key))[skipped:]:
                self._position += 1
                own, share = self._own(rows)
                yield Batch(examples.inputs[own], examples.labels[own], self.shown.classes, share)

    def divide(self, processes: int) -> None:
        """Let processes share every batch, which grows as many times."""
        self.processes, self.batch_size = processes, processes * self.batch_size

    def _own(self, rows: Int[Tensor, " batch"]) -> tuple[Int[Tensor, " own"], float]:
        """Return what this process takes of a batch, and its weight; all of a batch smaller than the processes."""
        if self.processes == 1 or len(rows) < self.processes:
            return rows, 1.0
        own = torch.tensor_split(rows, self.processes)[torch.distributed.get_rank()]
        return own, len(own) * self.processes / len(rows)

    def _pools(self) -> Iterator[tuple[tuple[int, ...], int, Callable[[], Examples]]]:
        """Yield key, number of steps and reader of every part of the epoch: all examples, or windows of stored rows."""
        key, examples = (self.seed, self._epoch), self.shown.examples
        if isinstance(examples.inputs, Tensor):
            yield key, len(self), lambda: examples
            return
        for place, rows in enumerate(examples.inputs.windows(self.batch_size, stream(*key))):
            yield ((*key, place) if place else key), -(-len(rows) // self.batch_size), partial(examples.take, rows)

    def _rows(self, labels: Int[Tensor, " n"], seed: int) -> Sequence[Int[Tensor, " batch"]]:
        """Return the rows of n examples in each of their batches."""
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        return torch.split(order.to(labels.device), self.batch_size)

    def state_dict(self) -> dict[str, int]:
        """Return the epoch, and the number of batches that were yielded in it."""
        return {"epoch": self._epoch, "position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue after the batch at which ``state`` was taken."""
        self._epoch, self._position = state["epoch"], state["position"]

    def close(self) -> None:
        """Delete the references to the images, after the last batch; the position is kept."""
        del self.train, self.shown


class Draws(Batches):
    """Several batches per step from the seen classes, each drawn with replacement from all examples, on their device.

    From stored rows they are drawn from one window after another.

    An epoch has as many steps as an epoch of :class:`Batches`, as papers on adversarial training count them.
    """

    def __init__(self, train: TrainingSet, batch_size: int, several: int, seed: int) -> None:
        super().__init__(train, batch_size, seed)
        self.shown = train.of_seen_classes()
        self.several = several

    def _rows(self, labels: Int[Tensor, " n"], seed: int) -> Sequence[Int[Tensor, "several batch"]]:
        generator = torch.Generator(labels.device).manual_seed(seed)
        size = (-(-len(labels) // self.batch_size), self.several, self.batch_size)
        return torch.randint(len(labels), size, generator=generator, device=labels.device).unbind()


class TransductiveBatch(NamedTuple):
    """Input of one training step of a transductive method."""

    x: Float[Tensor, "several batch d"]
    y: Int[Tensor, "several batch"]
    """positions in ``classes``"""
    classes: LabelSpace
    unlabelled: Float[Tensor, "m d"]
    """all images of the unseen classes"""
    unseen: LabelSpace


class TransductiveDraws(Draws):
    """Draws from the seen classes, with the unlabelled images and the descriptions of the unseen classes."""

    def __iter__(self) -> Iterator[TransductiveBatch]:  # type: ignore[override]
        unlabelled, unseen = self.train.unlabelled, self.train.classes.take(self.train.classes.unseen_ids)
        assert unlabelled is not None
        for batch in super().__iter__():
            yield TransductiveBatch(batch.x, batch.y, batch.classes, unlabelled, unseen)
