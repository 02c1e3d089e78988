"""LATEM: latent embeddings, the best of several bilinear maps per image and class [Xian2016]."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch
from zsl.hyperparameters import require_count, require_positive
from zsl.methods.compatibility.bilinear import BilinearSGD
from zsl.methods.compatibility.ranking import violations
from zsl.methods.method import Dimensions


class LATEM(BilinearSGD):
    """F(x, y) = max_{i ≤ K} θ(x)ᵀ W_i φ(y),   min_W  mean_n  1/(s-1) Σ_{y ≠ y_n} [Δ + F(x_n, y) - F(x_n, y_n)]₊

    which is piecewise linear: each image and class are compared by the map that suits them best, and only the maps
    that were chosen learn from them. W (d × Kk) holds the K maps side by side. The paper draws one wrong class per
    image uniformly and updates if it violates the margin; the mean over all wrong classes is the expectation of that
    update, so that the learning rate keeps its meaning. With K = 1 it is :class:`DeViSE` at 1/(s-1) of its learning
    rate. Stochastic gradient descent with momentum.

    Args:
        dims: sizes of θ(x) and φ(y).
        maps: K ≥ 1.
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
        maps: int = 2,
        lr: float = 30.0,
        epochs: int = 50,
        batch_size: int = 64,
        margin: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        require_count(maps=maps)
        require_positive(margin=margin)
        side_by_side = replace(dims, embedding=maps * dims.embedding)
        super().__init__(side_by_side, lr, epochs, batch_size, momentum, weight_decay)
        self.maps, self.margin = maps, margin

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """F(x, y) = max_i θ(x)ᵀ W_i φ(y)."""
        by_map = (x @ self.W).view(len(x), self.maps, -1) @ classes.embeddings.T
        return by_map.amax(dim=1)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Hinge on every wrong class, in the mean."""
        violation = violations(self.scores(batch.x, batch.classes), batch.y, self.margin)
        wrong = max(1, len(batch.classes) - 1)
        return violation.sum(dim=1).mean() / wrong
