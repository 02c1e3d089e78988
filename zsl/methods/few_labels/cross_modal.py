"""Cross-modal adaptation: class texts as further examples of a linear classifier [Lin2023]."""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, TrainingSet
from zsl.hyperparameters import passes_on_to
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.closed_form.known_classes import places
from zsl.methods.few_labels.adaptation import Base, DescentKeys, GradualAdaptation
from zsl.methods.method import Dimensions


class CrossModal(GradualAdaptation):
    """F(x, y) = exp(s) z(x)ᵀV_y for a seen class,   exp(s) z(x)ᵀw(y) for an unseen class

    with V_y learned from w(y) on, by half the cross-entropy of images over the seen classes and half that of the texts
    w(y) of all seen classes, taken for images of their class. AdamW. The paper draws as many texts as images.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        base: makes the joint space of f, g and s, which is trained first.
        descent: ``lr``, ``epochs``, ``decay_epochs``, ``batch_size`` and ``weight_decay``, as of
            :class:`.GradualAdaptation`.

    Raises:
        InputError: a hyperparameter is out of range, or the base is no joint space.
    """

    @passes_on_to(GradualAdaptation)
    def __init__(self, dims: Dimensions, base: Base = Aligned, **descent: Unpack[DescentKeys]) -> None:
        super().__init__(dims, base, **descent)
        self.V = nn.Parameter(torch.zeros(dims.seen, self.base.joint))
        self.register_buffer("phi", torch.zeros(dims.seen, dims.embedding))
        self.phi: Tensor

    def begin(self, train: TrainingSet) -> None:
        """Begin with the texts of the seen classes as weights."""
        self.phi.copy_(train.classes.embeddings)
        self.V.copy_(self.w(train.classes.embeddings))

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scaled products with V_y, or with w(y) for unseen classes."""
        place = places(self.phi, classes.embeddings).unsqueeze(1)
        weights = torch.where(place >= 0, self.V[place.squeeze(1).clamp(min=0)], self.w(classes.embeddings))
        return self._scale * self.z(x) @ weights.T

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean of the cross-entropies of images and of texts."""
        texts = self._scale * self.w(self.phi) @ self.V.T
        each = torch.arange(len(self.phi), device=texts.device)
        return (super().loss(batch) + cross_entropy(texts, each)) / 2

    @property
    def _scale(self) -> Float[Tensor, ""]:
        return self.base.scale.detach()
