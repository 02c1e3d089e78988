"""Ridge regression of class embeddings on features, and the cosine to them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_positive
from zsl.methods.method import Dimensions, ZSLModel


class CosineRidge(ZSLModel):
    """F(x, y) = cos(Bᵀx, φ(y)),   B = (XᵀX + λI)⁻¹ XᵀΦ

    with X (n × d) the training images and row i of Φ (n × k) the embedding of the class of image i.

    Args:
        dims: sizes of θ(x) and φ(y).
        lamb: λ > 0.

    Raises:
        InputError: λ is not a finite number greater than 0.
    """

    def __init__(self, dims: Dimensions, lamb: float = 1.0) -> None:
        super().__init__()
        require_positive(lamb=lamb)
        self.lamb = lamb
        self.register_buffer("B", torch.zeros(dims.features, dims.embedding))
        self.B: Tensor

    def finalize(self, train: TrainingSet) -> None:
        """Solve for B."""
        x, phi = train.examples.tensor.double(), train.classes.embeddings[train.examples.labels].double()
        self.B.copy_(torch.linalg.solve(x.T @ x + self.lamb * torch.eye(x.shape[1], dtype=x.dtype), x.T @ phi))

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the cosine of the predicted embedding to that of every class."""
        return normalize(x @ self.B) @ normalize(classes.embeddings).T
