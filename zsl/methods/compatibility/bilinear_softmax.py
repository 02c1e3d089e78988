"""A bilinear map under softmax cross entropy over the seen classes."""

from __future__ import annotations

from typing import Unpack

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from zsl.data.training_set import Batch
from zsl.hyperparameters import passes_on_to, require_positive
from zsl.methods.compatibility.bilinear import BilinearSGD, DescentKeys
from zsl.methods.method import Dimensions


class BilinearSoftmax(BilinearSGD):
    """min_W  mean_n  -log p(y_n | x_n),   p(y | x) = exp(F(x, y)/τ) / Σ_{y' seen} exp(F(x, y')/τ)

    with F(x, y) = θ(x)ᵀ W φ(y). W is free in scale, so τ sets the speed of learning (η/τ² on F/τ) and how small W is
    when it starts. Stochastic gradient descent with momentum.

    Args:
        dims: sizes of θ(x) and φ(y).
        lr: learning rate > 0.
        temperature: τ > 0.
        descent: ``epochs``, ``batch_size``, ``momentum`` and ``weight_decay``, as of :class:`.BilinearSGD`.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    @passes_on_to(BilinearSGD)
    def __init__(
        self, dims: Dimensions, lr: float = 0.1, temperature: float = 0.1, **descent: Unpack[DescentKeys]
    ) -> None:
        super().__init__(dims, lr, **descent)
        require_positive(temperature=temperature)
        self.temperature = temperature

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean cross-entropy over the seen classes."""
        return cross_entropy(self.scores(batch.x, batch.classes) / self.temperature, batch.y)
