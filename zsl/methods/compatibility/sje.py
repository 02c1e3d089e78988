"""SJE: structured joint embedding, trained on the most violating class [Akata2015]."""

from __future__ import annotations

from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from zsl.data.training_set import Batch
from zsl.hyperparameters import passes_on_to
from zsl.methods.compatibility.ranking import RankingKeys, RankingSGD
from zsl.methods.method import Dimensions


class SJE(RankingSGD):
    """min_W  mean_n  [max_{y ≠ y_n} (Δ + F(x_n, y) - F(x_n, y_n))]₊

    with F(x, y) = θ(x)ᵀ W φ(y): the structured hinge, in which only the wrong class that violates the margin most
    counts. Stochastic gradient descent with momentum.

    Args:
        dims: sizes of θ(x) and φ(y).
        lr: learning rate > 0.
        ranking: ``margin`` Δ, ``epochs``, ``batch_size``, ``momentum`` and ``weight_decay``, as of
            :class:`.RankingSGD`.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    @passes_on_to(RankingSGD)
    def __init__(self, dims: Dimensions, lr: float = 1.0, **ranking: Unpack[RankingKeys]) -> None:
        super().__init__(dims, lr, **ranking)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean over images of the largest hinge."""
        return self.hinges(batch).max(dim=1).values.mean()
