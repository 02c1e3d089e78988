"""Scoring: the scores of a trained method on held-out images, made block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from numpy import ndarray as Array
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.protocol import HeldOut
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.scored_images import ScoreStream, rows_per_block
from zsl.methods.method import ZSLModel


@dataclass(frozen=True)
class ModelScores(ScoreStream):
    """Scores of a method on scaled features, computed on the device of the method."""

    model: ZSLModel
    classes: LabelSpace
    labels: Int64[Array, " n"]
    read: Callable[[int, int], Float[Tensor, "rows d"]]
    """(start, stop) -> scaled features of these images"""

    @property
    def seen(self) -> Bool[Array, " classes"]:  # type: ignore[override]
        """Mask of the seen classes."""
        return self.classes.seen.numpy()

    @property
    def sigmoid(self) -> bool:  # type: ignore[override]
        """Whether the method's probabilities are sigmoids."""
        return self.model.probabilities == "sigmoid"

    def blocks(self) -> Iterator[Float[Tensor, "rows classes"]]:
        """Yield F(x, y) of consecutive images for every class."""
        device, n, step = self.model.device, len(self.labels), rows_per_block(len(self.classes))
        here, training = self.classes.to(device), self.model.training
        for start in range(0, n, step):
            x = self.read(start, min(start + step, n)).to(device)
            self.model.eval()
            with torch.inference_mode():
                block = self.model.scores(x, here)
            self.model.train(training)
            yield block


@dataclass(frozen=True)
class Scored:
    """Scores of one method: ``zsl``, unseen images × unseen classes, and ``gzsl``, all images × all classes."""

    zsl: ScoreStream
    gzsl: ScoreStream

    def corrected(self, correction: Correction) -> Scored:
        """Return both corrected, each as a batch of its own."""
        return Scored(correction.corrected(self.zsl), correction.corrected(self.gzsl))


def score(model: ZSLModel, held_out: HeldOut) -> Scored:
    """Return the scores of held-out images, unseen ones against the unseen classes, and all against all."""
    classes, labels = held_out.classes, held_out.labels
    unseen_ids, first = classes.unseen_ids, held_out.seen_images
    position = np.full(len(classes), -1)
    position[unseen_ids.numpy()] = np.arange(len(unseen_ids))

    def unseen(start: int, stop: int) -> Float[Tensor, "rows d"]:
        return held_out.read(first + start, first + stop)

    return Scored(
        ModelScores(model, classes.take(unseen_ids), position[labels[first:]], unseen),
        ModelScores(model, classes, labels, held_out.read),
    )
