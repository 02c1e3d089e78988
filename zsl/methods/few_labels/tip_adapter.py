"""Tip-Adapter: a cache of labelled images beside the zero-shot scores [Zhang2022]."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_count, require_positive
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.closed_form.known_classes import places
from zsl.methods.few_labels.adaptation import Adaptation, Base
from zsl.methods.method import Dimensions


class Cache(Adaptation):
    """F(x, y) = exp(s) cos(f(x), g(y)) + α Σ_{i: y_i = y} exp(-β (1 - z(x)ᵀF_i))

    with keys F_i = z(x_i) of at most ``images_per_class`` training images of every seen class, evenly spaced in the
    order of the training set. An unseen class has no image in the cache, and the second term is 0.
    """

    keys: Tensor
    there: Tensor
    phi: Tensor

    def make_cache(
        self, dims: Dimensions, alpha: float, beta: float, images_per_class: int
    ) -> Float[Tensor, "s images m"]:
        """Check the hyperparameters of the cache, make room for it and return the keys, which are zero.

        Raises:
            InputError: a hyperparameter is out of range.
        """
        require_positive(alpha=alpha, beta=beta)
        require_count(images_per_class=images_per_class)
        self.alpha, self.beta = alpha, beta
        self.register_buffer("there", torch.zeros(dims.seen, images_per_class))
        self.register_buffer("phi", torch.zeros(dims.seen, dims.embedding))
        return torch.zeros(dims.seen, images_per_class, self.base.joint)

    def begin(self, train: TrainingSet) -> None:
        """Store the keys of the training images."""
        self.phi.copy_(train.classes.embeddings)
        room = self.there.shape[1]
        for label in range(len(train.classes)):
            rows = (train.examples.labels == label).nonzero().squeeze(1)
            rows = evenly(rows, room)
            self.there[label, : len(rows)] = 1
            self.keys[label, : len(rows)] = self.z(train.examples.inputs[rows]).to(self.keys)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scores of the base, and those of the cache for classes that have images in it."""
        z = self.z(x)
        with torch.no_grad():
            F = self.base.scores(x, classes)
        near = (-self.beta * (1 - torch.einsum("nm,sim->nsi", z, self.keys))).exp()
        cached = self.alpha * (near * self.there).sum(dim=2)
        place = places(self.phi, classes.embeddings)
        return F + torch.where(place >= 0, cached[:, place.clamp(min=0)], 0.0)


class TipAdapter(Cache):
    """F(x, y) = exp(s) cos(f(x), g(y)) + α Σ_{i: y_i = y} exp(-β (1 - z(x)ᵀF_i))

    with F_i = z(x_i) of at most ``images_per_class`` training images of every seen class, evenly spaced in the order of
    the training set. Unseen classes have no image in the cache. Nothing is learned beyond the base. The paper's keys
    are means over ten augmented views of an image, and its α and β were chosen on test images.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        base: makes the joint space of f, g and s, which is trained first.
        alpha: α > 0.
        beta: β > 0.
        images_per_class: ≥ 1.

    Raises:
        InputError: a hyperparameter is out of range, or the base is no joint space.
    """

    def __init__(
        self, dims: Dimensions, base: Base = Aligned, alpha: float = 1.17, beta: float = 1.0, images_per_class: int = 16
    ) -> None:
        super().__init__(dims, base)
        self.register_buffer("keys", self.make_cache(dims, alpha, beta, images_per_class))


def evenly(rows: Int[Tensor, " n"], count: int) -> Int[Tensor, " m"]:
    """Return at most ``count`` of the rows, evenly spaced."""
    if len(rows) <= count:
        return rows
    return rows[torch.arange(count, device=rows.device) * len(rows) // count]
