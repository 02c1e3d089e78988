"""SAE: a semantic autoencoder, read in either direction [Kodirov2017]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Literal, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_choice, require_positive
from zsl.methods.closed_form.moments import class_counts, eigenpairs, gram_and_class_sums, positive, principal_axes
from zsl.methods.closed_form.nearest import nearness
from zsl.methods.compatibility.bilinear import Bilinear
from zsl.methods.method import Dimensions

TOGETHER = 8
"""values of λ whose products are formed at once: the eigenvectors are read that much less often"""


class SAE(Bilinear):
    """min_W  ‖X - SWᵀ‖² + λ‖XW - S‖²,   so that   W SᵀS + λ XᵀX W = (1 + λ) XᵀS

    with X (n × d) the features and S (n × k) the embedding of each image's class: the same W (d × k) maps features to
    semantics and, transposed, back. F(x, y) is cos(Wᵀθ(x), φ(y)) (``"features_to_semantics"``) or cos(θ(x), Wφ(y))
    (``"semantics_to_features"``).

    The Sylvester equation is diagonal in the eigenvectors of its two Gram matrices, XᵀX = V diag(b) Vᵀ and
    SᵀS = U diag(a) Uᵀ: W = V M Uᵀ, M_ij = (1 + λ) (VᵀXᵀSU)_ij / (a_j + λ b_i). Decomposed once in float64,
    O(nd² + d³ + k³); every further λ costs O(dr(d + k)), r ≤ min(s, k) the rank of SᵀS, in the precision of W: nothing
    cancels in the denominator. Where a or b is 0 the equation leaves M open, and it is 0.

    Args:
        dims: sizes of θ(x) and φ(y).
        lamb: λ > 0, weight of encoding against decoding.
        direction: ``"features_to_semantics"`` or ``"semantics_to_features"``.

    Raises:
        InputError: λ is not a finite number greater than 0, or the direction is unknown.
    """

    def __init__(
        self,
        dims: Dimensions,
        lamb: float = 1.0,
        direction: Literal["features_to_semantics", "semantics_to_features"] = "semantics_to_features",
    ) -> None:
        super().__init__(dims)
        require_positive(lamb=lamb)
        require_choice(direction, "method.direction", ("features_to_semantics", "semantics_to_features"))
        self.lamb, self.direction = lamb, direction

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the cosine in the space of the projection."""
        phi = classes.embeddings
        if self.direction == "features_to_semantics":
            return nearness(x @ self.W, phi, "cosine")
        return nearness(x, phi @ self.W.T, "cosine")

    def finalize(self, train: TrainingSet) -> None:
        """Solve for W."""
        next(self.solve_grid(train, [self]))

    @classmethod
    @torch.no_grad()
    def solve_grid(cls, train: TrainingSet, models: Iterable[Self]) -> Iterator[Self]:
        """Solve for W for every λ, and yield every model."""
        X, labels, phi = train.examples.inputs, train.examples.labels, train.classes.embeddings.double()
        _, sums = gram_and_class_sums(X, labels, len(phi))
        b, V = positive(*principal_axes(X))
        a, U = positive(*eigenpairs(phi.T @ (class_counts(labels, len(phi)).unsqueeze(1) * phi)))
        C = V.T @ (sums.T @ (phi @ U))

        @cache
        def in_precision(dtype: torch.dtype) -> list[np.ndarray]:
            return [part.to(dtype).numpy(force=True) for part in (V, b[:, None, None], C.unsqueeze(1), a, U.T)]

        models = iter(models)
        while together := list(islice(models, TOGETHER)):
            left, beta, XtS, alpha, right = in_precision(together[0].W.dtype)
            shares = np.array([[1 / (1 + model.lamb), model.lamb / (1 + model.lamb)] for model in together], left.dtype)
            M = XtS / (shares[:, :1] * alpha + shares[:, 1:] * beta)
            W = np.tensordot(np.tensordot(left, M, 1), right, 1)
            for model, solution in zip(together, W.swapaxes(0, 1), strict=True):
                model.W.copy_(torch.from_numpy(solution))
                yield model
