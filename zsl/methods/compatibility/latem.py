"""LATEM: latent embeddings, the best of several bilinear maps per image and class [Xian2016]."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch
from zsl.hyperparameters import passes_on_to, require_count
from zsl.methods.compatibility.ranking import RankingKeys, RankingSGD
from zsl.methods.method import Dimensions


class LATEM(RankingSGD):
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
        ranking: ``margin`` Δ, ``epochs``, ``batch_size``, ``momentum`` and ``weight_decay``, as of
            :class:`.RankingSGD`.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    @passes_on_to(RankingSGD)
    def __init__(self, dims: Dimensions, maps: int = 2, lr: float = 30.0, **ranking: Unpack[RankingKeys]) -> None:
        require_count(maps=maps)
        super().__init__(replace(dims, embedding=maps * dims.embedding), lr, **ranking)
        self.maps = maps

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return max_i θ(x)ᵀ W_i φ(y)."""
        by_map = (x @ self.W).view(len(x), self.maps, -1) @ classes.embeddings.T
        return by_map.amax(dim=1)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean over images and wrong classes of the hinges."""
        wrong = max(1, len(batch.classes) - 1)
        return self.hinges(batch).sum(dim=1).mean() / wrong
