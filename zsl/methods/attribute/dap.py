"""DAP: direct attribute prediction [Lampert2009, Lampert2014]."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_choice, require_positive
from zsl.methods.attribute.product import AttributeProduct, Prior, Threshold
from zsl.methods.closed_form.linear_classifiers import Linear, logistic, platt, squared_hinge
from zsl.methods.method import Dimensions


class DAP(AttributeProduct):
    """F(x, y) = Σ_m log p(a_m = a_m^y | x) - log p(a_m = a_m^y),   p(a_m = 1 | x) = σ(w_mᵀx + b_m)

    Every image has the attributes of its class. ``"logistic"`` minimises Σ_n log(1 + exp(-t z)) + λ/2 ‖w_m‖², with
    t = ±1 and z = w_mᵀx + b_m. ``"svm"``, the paper's choice, minimises Σ_n [1 - t z]₊² + λ/2 ‖w_m‖² on nine tenths of
    the images and calibrates z ↦ αz + β on the others, every tenth image in the order of classes [Platt1999]. All
    attributes are solved for at once. Binary attributes a, priors and what is left out: as in
    :class:`~zsl.methods.attribute.product.AttributeProduct`.

    Args:
        dims: sizes of θ(x) and φ(y).
        lamb: λ > 0.
        classifier: ``"logistic"`` or ``"svm"``.
        threshold: where φ is cut into 0 and 1: ``"attribute"`` means, the mean of ``"all"``, or ``"half"``.
        prior: p(a_m = 1), ``"seen"`` or ``"half"``.

    Raises:
        InputError: λ is not a finite number greater than 0, or an option is unknown.
    """

    def __init__(
        self,
        dims: Dimensions,
        lamb: float = 0.1,
        classifier: Literal["logistic", "svm"] = "logistic",
        threshold: Threshold = "attribute",
        prior: Prior = "seen",
    ) -> None:
        super().__init__(dims, threshold, prior)
        require_positive(lamb=lamb)
        require_choice(classifier, "method.classifier", ("logistic", "svm"))
        self.lamb, self.classifier = lamb, classifier
        self.register_buffer("W", torch.zeros(dims.features, dims.embedding))
        self.register_buffer("b", torch.zeros(dims.embedding))
        self.W: Tensor
        self.b: Tensor

    def finalize(self, train: TrainingSet) -> None:
        """Fit the classifiers of the attributes that vary."""
        A = self.binarise(train)[:, self.varies].double()
        if not A.numel():
            return
        W, b = self._svm(train, A) if self.classifier == "svm" else self._logistic(train, A)
        self.W[:, self.varies] = W.to(self.W.dtype)
        self.b[self.varies] = b.to(self.b.dtype)

    def _logistic(self, train: TrainingSet, A: Float[Tensor, "s m"]) -> Linear:
        return logistic(train.examples.inputs, A[train.examples.labels], self.lamb)

    def _svm(self, train: TrainingSet, A: Float[Tensor, "s m"]) -> Linear:
        by_class = train.examples.labels.argsort(stable=True)
        held_out = by_class[::10]
        rest = by_class[torch.arange(len(by_class), device=by_class.device) % 10 != 0]
        x, y = train.examples.inputs, train.examples.labels
        W, b = squared_hinge(x[rest], A[y[rest]], self.lamb)
        alpha, beta = platt(x[held_out].double() @ W + b, A[y[held_out]])
        return alpha * W, alpha * b + beta

    def log_probabilities(self, x: Float[Tensor, "batch d"]) -> tuple[Float[Tensor, "batch k"], ...]:
        """Return log σ(z) and log σ(-z)."""
        z = x @ self.W + self.b
        return logsigmoid(z), logsigmoid(-z)
