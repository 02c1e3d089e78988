"""IAP: indirect attribute prediction [Lampert2009, Lampert2014]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_positive
from zsl.methods.attribute.product import AttributeProduct, Prior, Threshold
from zsl.methods.closed_form.linear_classifiers import Linear, softmax
from zsl.methods.method import Dimensions


class IAP(AttributeProduct):
    """F(x, y) = Σ_m log p(a_m = a_m^y | x) - log p(a_m = a_m^y),   p(a_m = 1 | x) = Σ_{seen z} a_m^z p(z | x)

    p(z | x) is multinomial logistic regression on the seen classes, W (d × s) and b minimising
    Σ_n -log p(y_n | x_n) + λ/2 ‖W‖². A grid of thresholds and priors shares W and b. Binary attributes a, priors and
    what is left out: as in :class:`~zsl.methods.attribute.product.AttributeProduct`.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        lamb: λ > 0.
        threshold: where φ is cut into 0 and 1: ``"attribute"`` means, the mean of ``"all"``, or ``"half"``.
        prior: p(a_m = 1), ``"seen"`` or ``"half"``.

    Raises:
        InputError: λ is not a finite number greater than 0, or an option is unknown.
    """

    def __init__(
        self, dims: Dimensions, lamb: float = 0.1, threshold: Threshold = "attribute", prior: Prior = "seen"
    ) -> None:
        super().__init__(dims, threshold, prior)
        require_positive(lamb=lamb)
        self.lamb = lamb
        self.register_buffer("W", torch.zeros(dims.features, dims.seen))
        self.register_buffer("b", torch.zeros(dims.seen))
        self.register_buffer("A", torch.zeros(dims.seen, dims.embedding))
        self.W: Tensor
        self.b: Tensor
        self.A: Tensor

    def finalize(self, train: TrainingSet) -> None:
        """Fit the classifier of seen classes, and store their attributes."""
        next(self.solve_grid(train, [self]))

    @classmethod
    def solve_grid(cls, train: TrainingSet, models: Iterable[Self]) -> Iterator[Self]:
        """Fit the classifier once for every λ, and yield every model."""

        @lru_cache(maxsize=32)
        def classifier(lamb: float) -> Linear:
            return softmax(train.examples.inputs, train.examples.labels, len(train.classes), lamb)

        for model in models:
            model.A.copy_(model.binarise(train))
            W, b = classifier(model.lamb)
            model.W.copy_(W)
            model.b.copy_(b)
            yield model

    def log_probabilities(self, x: Float[Tensor, "batch d"]) -> tuple[Float[Tensor, "batch k"], ...]:
        """Return logarithms of sums of class probabilities, each over its own classes, so that nothing cancels."""
        p = (x @ self.W + self.b).softmax(dim=1)
        smallest = torch.finfo(torch.float32).tiny
        return (p @ self.A).clamp(min=smallest).log(), (p @ (1 - self.A)).clamp(min=smallest).log()
