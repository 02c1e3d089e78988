"""ALE: attribute label embedding, trained by weighted approximate ranking [Akata2013, Akata2016]."""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.training_set import Batch
from zsl.hyperparameters import passes_on_to
from zsl.methods.compatibility.ranking import RankingKeys, RankingSGD
from zsl.methods.method import Dimensions


class ALE(RankingSGD):
    """min_W  mean_n  (β_r / r) Σ_{y ≠ y_n} [Δ + F(x_n, y) - F(x_n, y_n)]₊,   β_r = Σ_{i ≤ r} 1/i

    where r is the number of classes that violate the margin Δ for image n. β_r / r puts most weight on the top of the
    ranking, as WSABIE does [Weston2011]; here all violating classes enter, which is the expectation of the paper's
    sampled update. Stochastic gradient descent with momentum.

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
        ranks = torch.arange(1, max(dims.seen, 2), dtype=torch.float64)
        beta_over_rank = torch.cat([ranks.new_zeros(1), torch.cumsum(1 / ranks, 0) / ranks])
        self.register_buffer("rank_weight", beta_over_rank, persistent=False)
        self.rank_weight: Tensor

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean over images of (β_r / r) times the sum of the hinges."""
        hinges = self.hinges(batch)
        rank = (hinges > 0).sum(dim=1)
        return (self.rank_weight[rank].to(hinges.dtype) * hinges.sum(dim=1)).mean()
