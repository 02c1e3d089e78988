"""Base of DAP and IAP: scores of classes from the probabilities of attributes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_choice
from zsl.methods.method import Dimensions, ZSLModel

Threshold = Literal["attribute", "all", "half"]
Prior = Literal["seen", "half"]


class AttributeProduct(ZSLModel):
    """F(x, y) = Σ_m log p(a_m = a_m^y | x) - log p(a_m = a_m^y),   a_m^y = 1[φ(y)_m > c_m]

    The cut c_m is the mean of φ_m over the seen classes (``"attribute"``), the mean of φ over seen classes and
    attributes (``"all"``), or 0.5 (``"half"``, for attributes that are binary already). The prior p(a_m = 1) is the
    share of seen classes that have the attribute (``"seen"``) or 0.5 (``"half"``). An attribute that all seen classes
    have, or none, carries no information and is left out of the sum.
    """

    def __init__(self, dims: Dimensions, threshold: Threshold, prior: Prior) -> None:
        super().__init__()
        require_choice(threshold, "method.threshold", ("attribute", "all", "half"))
        require_choice(prior, "method.prior", ("seen", "half"))
        self.threshold, self.prior = threshold, prior
        self.register_buffer("cut", torch.zeros(dims.embedding))
        self.register_buffer("p", torch.full((dims.embedding,), 0.5))
        self.register_buffer("varies", torch.zeros(dims.embedding, dtype=torch.bool))
        self.cut: Tensor
        self.p: Tensor
        self.varies: Tensor

    @abstractmethod
    def log_probabilities(self, x: Float[Tensor, "batch d"]) -> tuple[Float[Tensor, "batch k"], ...]:
        """Return log p(a_m = 1 | x) and log p(a_m = 0 | x), finite everywhere; used where an attribute varies."""

    def attributes(self, phi: Float[Tensor, "classes k"]) -> Float[Tensor, "classes k"]:
        """Return a^y, as zeros and ones."""
        return (phi > self.cut).to(phi.dtype)

    def binarise(self, train: TrainingSet) -> Float[Tensor, "s k"]:
        """Set cuts, priors and which attributes vary by the seen classes; return the attributes of the seen classes."""
        S = train.classes.embeddings[train.classes.seen]
        self.cut.copy_({"attribute": S.mean(dim=0), "all": S.mean(), "half": S.new_tensor(0.5)}[self.threshold])
        A = self.attributes(S)
        self.varies.copy_(A.min(dim=0).values < A.max(dim=0).values)
        if self.prior == "seen":
            self.p.copy_(torch.where(self.varies, A.mean(dim=0), 0.5))
        return A

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the log-space product over the attributes that vary."""
        A = self.attributes(classes.embeddings)
        one, zero = self.log_probabilities(x)
        return ((one - self.p.log()) * self.varies) @ A.T + ((zero - (1 - self.p).log()) * self.varies) @ (1 - A).T
