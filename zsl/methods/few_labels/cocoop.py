"""CoCoOp: context vectors that each image moves, learned through the text tower [Zhou2022a]."""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from zsl.data.label_space import LabelSpace
from zsl.hyperparameters import passes_on_to, require_count
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.few_labels.adaptation import Base
from zsl.methods.few_labels.coop import ContextKeys, CoOp
from zsl.methods.method import Dimensions

TEXTS = 1024
"""texts that are encoded at a time"""


class CoCoOp(CoOp):
    """F(x, y) = exp(s) cos(f(x), g(t(v_1 + π(x), …, v_M + π(x), y))),   π(x) = W₂ [W₁ z(x) + b₁]₊ + b₂

    with z(x) = f(x)/‖f(x)‖ and v, W₁ (m/reduction × m), W₂, b₁ and b₂ learned by the cross-entropy of F over the seen
    classes: :class:`.CoOp` with one context otherwise. Every pair of an image and a class is a text of its own, so that
    time and memory grow with images × classes; the paper takes one image a step.

    Args:
        dims: sizes of θ(x) and φ(y).
        base: makes the joint space of f, g and s. It is trained first, on texts with the words of ``context``.
        reduction: of the m dimensions of f(x) in the hidden layer of π ≥ 1; at least one is left.
        epochs: passes over the training images ≥ 1.
        decay_epochs: E ≥ ``epochs``.
        batch_size: images a step ≥ 1.
        context_keys: all other hyperparameters of :class:`.CoOp` but ``class_specific``.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, or the tower cannot be loaded.
    """

    @passes_on_to(CoOp)
    def __init__(
        self,
        dims: Dimensions,
        base: Base = Aligned,
        reduction: int = 16,
        epochs: int = 10,
        decay_epochs: int = 10,
        batch_size: int = 1,
        **context_keys: Unpack[ContextKeys],
    ) -> None:
        require_count(reduction=reduction)
        super().__init__(dims, base, epochs=epochs, decay_epochs=decay_epochs, batch_size=batch_size, **context_keys)
        m = self.base.joint
        narrow = max(1, m // reduction)
        self.pi = nn.Sequential(nn.Linear(m, narrow), nn.ReLU(), nn.Linear(narrow, self.tower.inner))

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scaled cosines of every image and the classes in its own context."""
        rows = max(1, TEXTS // len(classes))
        return torch.cat([self._scores(some, classes.embeddings) for some in torch.split(x, rows)])

    def _scores(self, x: Float[Tensor, "batch d"], phi: Float[Tensor, "classes k"]) -> Float[Tensor, "batch classes"]:
        z = self.z(x)
        context = (self.v + self.pi(z).unsqueeze(1)).repeat_interleave(len(phi), dim=0)
        t = self.tower(phi.repeat(len(x), 1), context, self.class_position)
        w = normalize(self.base.texts(t)).view(len(x), len(phi), -1)
        return self.base.scale.detach() * torch.einsum("nm,ncm->nc", z, w)
