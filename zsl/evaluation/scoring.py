"""Scoring: the two score matrices of a trained method on held-out images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Float64
from numpy import ndarray as Array
from torch import Tensor

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import HeldOut, LoadedImages
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.scored_images import ScoredImages
from zsl.methods.method import ZSLModel

ROWS = 4096
"""images scored at a time"""


@dataclass(frozen=True)
class Scored:
    """Two score matrices: ``zsl``, unseen images × unseen classes, and ``gzsl``, all held-out images × all classes."""

    zsl: ScoredImages
    gzsl: ScoredImages

    def corrected(self, correction: Correction) -> Scored:
        """Return both matrices corrected, each as a batch of its own."""
        return Scored(*(replace(it, scores=correction(it.scores, it.seen)) for it in (self.zsl, self.gzsl)))


def score(model: ZSLModel, held_out: HeldOut) -> Scored:
    """Score every held-out image against the unseen classes, and against all."""
    return score_opened(model, held_out.load())


def score_opened(model: ZSLModel, images: LoadedImages) -> Scored:
    """Score images that are read already: unseen ones against the unseen classes, all against all."""
    classes, seen, unseen = images.classes, images.seen, images.unseen
    unseen_ids = classes.unseen_ids
    position = torch.full((len(classes),), -1)
    position[unseen_ids] = torch.arange(len(unseen_ids))
    only_unseen = Examples(unseen.inputs, position[unseen.labels])
    both = Examples(torch.cat([seen.inputs, unseen.inputs]), torch.cat([seen.labels, unseen.labels]))
    return Scored(_score(model, only_unseen, classes.take(unseen_ids)), _score(model, both, classes))


def _score(model: ZSLModel, examples: Examples, classes: LabelSpace) -> ScoredImages:
    scores = score_classes(model, examples.inputs, classes)
    return ScoredImages(scores, examples.labels.numpy(), classes.seen.numpy())


@torch.inference_mode()
def score_classes(model: ZSLModel, x: Float[Tensor, "n d"], classes: LabelSpace) -> Float64[Array, "n classes"]:
    """Return F(x, y) of scaled features for every class, :data:`ROWS` rows at a time, on the device of the model."""
    training = model.training
    model.eval()
    here = classes.to(model.device)
    parts = [model.scores(rows.to(model.device), here).double().cpu() for rows in torch.split(x, ROWS)]
    model.train(training)
    return torch.cat(parts).numpy()
