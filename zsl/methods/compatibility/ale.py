"""ALE: attribute label embedding, trained by weighted approximate ranking [Akata2013, Akata2016]."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.training_set import Batch
from zsl.hyperparameters import require_positive
from zsl.methods.compatibility.bilinear import BilinearSGD
from zsl.methods.compatibility.ranking import violations
from zsl.methods.method import Dimensions


class ALE(BilinearSGD):
    """min_W  mean_n  (β_r / r) Σ_{y ≠ y_n} [Δ + F(x_n, y) - F(x_n, y_n)]₊,   β_r = Σ_{i ≤ r} 1/i

    where r is the number of classes that violate the margin Δ for image n. β_r / r puts most weight on the top of the
    ranking, as WSABIE does [Weston2011]; here all violating classes enter, which is the expectation of the paper's
    sampled update. Stochastic gradient descent with momentum.

    Args:
        dims: sizes of θ(x) and φ(y).
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        batch_size: images a step ≥ 1.
        margin: Δ > 0.
        momentum: of the descent, in [0, 1).
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    def __init__(
        self,
        dims: Dimensions,
        lr: float = 1.0,
        epochs: int = 50,
        batch_size: int = 64,
        margin: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(dims, lr, epochs, batch_size, momentum, weight_decay)
        require_positive(margin=margin)
        self.margin = margin
        ranks = torch.arange(1, max(dims.seen, 2), dtype=torch.float64)
        beta_over_rank = torch.cat([ranks.new_zeros(1), torch.cumsum(1 / ranks, 0) / ranks])
        self.register_buffer("rank_weight", beta_over_rank, persistent=False)
        self.rank_weight: Tensor

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Weighted approximate ranking over all seen classes."""
        F = self.scores(batch.x, batch.classes)
        violation = violations(F, batch.y, self.margin)
        rank = (violation > 0).sum(dim=1)
        return (self.rank_weight[rank].to(F.dtype) * violation.sum(dim=1)).mean()
