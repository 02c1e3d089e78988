"""A linear probe: logistic regression of the seen classes beside the zero-shot scores of the unseen classes."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import log_softmax

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_positive
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.closed_form.known_classes import places
from zsl.methods.closed_form.linear_classifiers import softmax
from zsl.methods.few_labels.adaptation import Adaptation, Base
from zsl.methods.method import Dimensions


class LinearProbe(Adaptation):
    """F(x, y) = log p(y | x) + log Σ_{y' seen} exp F₀(x, y') for a seen class,   F₀(x, y) for an unseen class

    with F₀ = exp(s) cos(f(x), g(y)) and p = softmax(Wθ(x) + b) over the seen classes, minimising
    Σ_n -log p(y_n | x_n) + λ/2 ‖W‖². A supervised classifier: it does not use the descriptions of the seen classes, and
    knows none but these. The second term gives all seen classes together the weight against the unseen ones that they
    have without labels, so that labels move answers among the seen classes alone. C of [Radford2021] is 1/λ.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        base: makes the joint space of f, g and s, which is trained first.
        lamb: λ > 0.

    Raises:
        InputError: λ is not a finite number greater than 0, or the base is no joint space.
    """

    supervised: ClassVar[bool] = True

    def __init__(self, dims: Dimensions, base: Base = Aligned, lamb: float = 0.01) -> None:
        super().__init__(dims, base)
        require_positive(lamb=lamb)
        self.lamb = lamb
        self.register_buffer("W", torch.zeros(dims.features, dims.seen))
        self.register_buffer("b", torch.zeros(dims.seen))
        self.register_buffer("phi", torch.zeros(dims.seen, dims.embedding))
        self.W: Tensor
        self.b: Tensor
        self.phi: Tensor

    def finalize(self, train: TrainingSet) -> None:
        """Fit the logistic regression."""
        W, b = softmax(train.examples.inputs, train.examples.labels, len(train.classes), self.lamb)
        self.W.copy_(W)
        self.b.copy_(b)
        self.phi.copy_(train.classes.embeddings)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scores of the probe for seen classes, and of the base for unseen classes."""
        seen = LabelSpace(tuple(map(str, range(len(self.phi)))), self.phi, torch.ones(len(self.phi), dtype=torch.bool))
        mass = self.base.scores(x, seen).logsumexp(dim=1, keepdim=True)
        probed = log_softmax(x @ self.W + self.b, dim=1) + mass
        place = places(self.phi, classes.embeddings)
        return torch.where(place >= 0, probed[:, place.clamp(min=0)], self.base.scores(x, classes))
