"""DeViSE: a deep visual-semantic embedding, trained by a hinge on every wrong class [Frome2013]."""

from __future__ import annotations

from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from zsl.data.training_set import Batch
from zsl.hyperparameters import passes_on_to
from zsl.methods.compatibility.ranking import RankingKeys, RankingSGD
from zsl.methods.method import Dimensions


class DeViSE(RankingSGD):
    """min_W  mean_n  Σ_{y ≠ y_n} [Δ + F(x_n, y) - F(x_n, y_n)]₊

    with F(x, y) = θ(x)ᵀ W φ(y): every wrong seen class counts, however far down the ranking it stands. The paper
    compares by dot product with embeddings of length 1, which ``class_embedding.scale=l2`` gives; its update stops at
    the first violating class of a random order, here all of them enter. Stochastic gradient descent with momentum.

    Args:
        dims: sizes of θ(x) and φ(y).
        lr: learning rate > 0.
        ranking: ``margin`` Δ, ``epochs``, ``batch_size``, ``momentum`` and ``weight_decay``, as of
            :class:`.RankingSGD`.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    @passes_on_to(RankingSGD)
    def __init__(self, dims: Dimensions, lr: float = 0.3, **ranking: Unpack[RankingKeys]) -> None:
        super().__init__(dims, lr, **ranking)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean over images of the sum of the hinges."""
        return self.hinges(batch).sum(dim=1).mean()
