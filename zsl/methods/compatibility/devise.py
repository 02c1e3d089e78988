"""DeViSE: a deep visual-semantic embedding, trained by a hinge on every wrong class [Frome2013]."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from zsl.data.training_set import Batch
from zsl.hyperparameters import require_positive
from zsl.methods.compatibility.bilinear import BilinearSGD
from zsl.methods.compatibility.ranking import violations
from zsl.methods.method import Dimensions


class DeViSE(BilinearSGD):
    """min_W  mean_n  Σ_{y ≠ y_n} [Δ + F(x_n, y) - F(x_n, y_n)]₊

    with F(x, y) = θ(x)ᵀ W φ(y): every wrong seen class counts, however far down the ranking it stands. The paper
    compares by dot product with embeddings of length 1, which ``class_embedding.scale=l2`` gives; its update stops at
    the first violating class of a random order, here all of them enter. Stochastic gradient descent with momentum.

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
        lr: float = 0.3,
        epochs: int = 50,
        batch_size: int = 64,
        margin: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(dims, lr, epochs, batch_size, momentum, weight_decay)
        require_positive(margin=margin)
        self.margin = margin

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Hinge on every wrong class."""
        return violations(self.scores(batch.x, batch.classes), batch.y, self.margin).sum(dim=1).mean()
