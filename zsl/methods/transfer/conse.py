"""ConSE: convex combination of semantic embeddings [Norouzi2014]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_count, require_positive
from zsl.methods.closed_form.linear_classifiers import Linear, softmax
from zsl.methods.method import Dimensions, ZSLModel


class ConSE(ZSLModel):
    """F(x, y) = cos(f(x), φ(y)),   f(x) = Σ_{t ≤ T} p(y_t | x) φ(y_t) / Σ_{t ≤ T} p(y_t | x)

    with y_1, …, y_T the most probable of the s seen classes. p(y | x) is multinomial logistic regression,
    W (d × s) and b minimising Σ_n -log p(y_n | x_n) + λ/2 ‖W‖². A grid of T shares W and b.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        T: classes to combine, 1 ≤ T ≤ s; None for all of them.
        lamb: λ > 0.

    Raises:
        InputError: T is not a whole number in its range, or λ is not a finite number greater than 0.
    """

    def __init__(self, dims: Dimensions, T: int | None = None, lamb: float = 0.1) -> None:
        super().__init__()
        require_positive(lamb=lamb)
        if T is not None:
            require_count(T=T)
            if dims.seen < T:
                raise InputError(
                    f"method.T={T}: must be at most {dims.seen}, the number of seen classes; null takes all of them"
                )
        self.T, self.lamb = dims.seen if T is None else T, lamb
        self.register_buffer("W", torch.zeros(dims.features, dims.seen))
        self.register_buffer("b", torch.zeros(dims.seen))
        self.register_buffer("S", torch.zeros(dims.seen, dims.embedding))
        self.W: Tensor
        self.b: Tensor
        self.S: Tensor

    def finalize(self, train: TrainingSet) -> None:
        """Fit the classifier of seen classes, and store their embeddings."""
        next(self.solve_grid(train, [self]))

    @classmethod
    def solve_grid(cls, train: TrainingSet, models: Iterable[Self]) -> Iterator[Self]:
        """Fit the classifier once for every λ, and yield every model."""

        @lru_cache(maxsize=32)
        def classifier(lamb: float) -> Linear:
            return softmax(train.examples.inputs, train.examples.labels, len(train.classes), lamb)

        for model in models:
            W, b = classifier(model.lamb)
            model.W.copy_(W)
            model.b.copy_(b)
            model.S.copy_(train.classes.embeddings)
            yield model

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the cosine to the combined embedding, which is the same for any positive multiple of f(x)."""
        p, y = (x @ self.W + self.b).softmax(dim=1).topk(self.T)
        f = torch.zeros(len(x), len(self.S), dtype=x.dtype, device=x.device).scatter(1, y, p) @ self.S
        return normalize(f) @ normalize(classes.embeddings).T
