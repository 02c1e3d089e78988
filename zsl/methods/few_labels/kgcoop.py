"""KgCoOp: CoOp whose class vectors stay near those of the words that the context begins with [Yao2023]."""

from __future__ import annotations

import math
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from zsl.data.training_set import Batch, TrainingSet
from zsl.hyperparameters import passes_on_to, require_within
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.few_labels.adaptation import Base
from zsl.methods.few_labels.coop import CoOp, CoOpKeys
from zsl.methods.method import Dimensions


class KgCoOp(CoOp):
    """F of CoOp,   min_v mean_n -log softmax(F(x_n, ·))[y_n] + λ mean_y ‖w(y) - w₀(y)‖²

    over the seen classes, with w(y) = g(t(v_1, …, v_M, y)) and w₀(y) that of the words of ``context``, both of length
    1: :class:`.CoOp` otherwise. The paper's w₀ has the template of its data set.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        base: makes the joint space of f, g and s. It is trained first, on texts with the words of ``context``.
        lamb: λ ≥ 0.
        context_keys: hyperparameters of :class:`.CoOp`.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, or the tower cannot be loaded.
    """

    @passes_on_to(CoOp)
    def __init__(
        self, dims: Dimensions, base: Base = Aligned, lamb: float = 8.0, **context_keys: Unpack[CoOpKeys]
    ) -> None:
        require_within(0, math.inf, lamb=lamb)
        super().__init__(dims, base, **context_keys)
        self.lamb = lamb
        self.register_buffer("w0", torch.zeros(dims.seen, self.base.joint))
        self.w0: Tensor

    def begin(self, train: TrainingSet) -> None:
        """Note w₀ of the seen classes."""
        super().begin(train)
        self.w0.copy_(normalize(self.base.texts(self.t0(train.classes.embeddings))))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the cross-entropy, and what the class vectors cost that have moved."""
        w = self.w(batch.classes.embeddings)
        moved = (w - self.w0).square().sum(dim=1).mean()
        return cross_entropy(self.beside(batch.x, w), batch.y) + self.lamb * moved
