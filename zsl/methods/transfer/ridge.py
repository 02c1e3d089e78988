"""Ridge regression between features and semantics, and its direction [Shigeto2015]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal, Self

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_choice, require_positive
from zsl.methods.closed_form.moments import cholesky_solve, class_counts, class_sums, gram, ridge_factor
from zsl.methods.closed_form.nearest import nearness
from zsl.methods.compatibility.bilinear import Bilinear
from zsl.methods.method import Dimensions


class Ridge(Bilinear):
    """Ridge regression between features X (n × d) and the embeddings S (n × k) of the classes of images

    Both are centred at their means over the training images, which is an intercept without penalty:

    - ``"features_to_semantics"``: min_W ‖XW - S‖² + λ‖W‖², so W = (XᵀX + λI)⁻¹ XᵀS, and the nearest φ(y) to Wᵀθ(x);
    - ``"semantics_to_features"``: min_W ‖SWᵀ - X‖² + λ‖W‖², so W = XᵀS (SᵀS + λI)⁻¹, and the nearest Wφ(y) to θ(x),

    where θ(x) and φ(y) are centred at the same means, also for the cosine.

    Ridge regression shrinks what it projects: projected images lie closer to the centre than the classes among which
    their neighbour is sought, which makes hubs of the classes nearest to the centre; projected classes do not.

    One Cholesky factorisation in float64 for every λ: O(nd² + d³) from features, O(k³) from semantics.

    Args:
        dims: sizes of θ(x) and φ(y).
        lamb: λ > 0.
        direction: ``"features_to_semantics"`` or ``"semantics_to_features"``.
        similarity: nearest by ``"euclidean"``, F = -‖a - b‖² as in the paper, or ``"cosine"``.

    Raises:
        InputError: λ is not a finite number greater than 0, or the direction or the similarity is unknown.
    """

    def __init__(
        self,
        dims: Dimensions,
        lamb: float = 1.0,
        direction: Literal["features_to_semantics", "semantics_to_features"] = "semantics_to_features",
        similarity: Literal["euclidean", "cosine"] = "euclidean",
    ) -> None:
        super().__init__(dims)
        require_positive(lamb=lamb)
        require_choice(direction, "method.direction", ("features_to_semantics", "semantics_to_features"))
        require_choice(similarity, "method.similarity", ("euclidean", "cosine"))
        self.lamb, self.direction, self.similarity = lamb, direction, similarity
        self.register_buffer("mean_x", torch.zeros(dims.features))
        self.register_buffer("mean_phi", torch.zeros(dims.embedding))
        self.mean_x: Tensor
        self.mean_phi: Tensor

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the similarity of image and class in the space of the projection."""
        x, phi = x - self.mean_x, classes.embeddings - self.mean_phi
        if self.direction == "features_to_semantics":
            return nearness(x @ self.W, phi, self.similarity)
        return nearness(x, phi @ self.W.T, self.similarity)

    def finalize(self, train: TrainingSet) -> None:
        """Solve for W."""
        next(self.solve_grid(train, [self]))

    @classmethod
    @torch.no_grad()
    def solve_grid(cls, train: TrainingSet, models: Iterable[Self]) -> Iterator[Self]:
        """Solve for W for every λ and direction, and yield every model."""
        X, labels, phi = train.examples.inputs, train.examples.labels, train.classes.embeddings.double()
        n, counts, sums = len(X), class_counts(labels, len(phi)), class_sums(X, labels, len(phi))
        mean_x, mean_phi = sums.sum(dim=0) / n, counts @ phi / n
        S = phi - mean_phi
        XtS = sums.T @ S
        covariances = {
            "features_to_semantics": cache(lambda: gram(X) - n * mean_x.outer(mean_x)),
            "semantics_to_features": cache(lambda: S.T @ (counts.unsqueeze(1) * S)),
        }
        for model in models:
            factor = ridge_factor(covariances[model.direction](), lamb=model.lamb)
            if model.direction == "features_to_semantics":
                model.W.copy_(cholesky_solve(XtS, factor))
            else:
                model.W.copy_(cholesky_solve(XtS.T, factor).T)
            model.mean_x.copy_(mean_x)
            model.mean_phi.copy_(mean_phi)
            yield model
