"""A bilinear map under softmax cross entropy over the seen classes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from zsl.data.training_set import Batch
from zsl.hyperparameters import require_positive
from zsl.methods.compatibility.bilinear import BilinearSGD
from zsl.methods.method import Dimensions


class BilinearSoftmax(BilinearSGD):
    """min_W  mean_n  -log p(y_n | x_n),   p(y | x) = exp(F(x, y)/τ) / Σ_{y' seen} exp(F(x, y')/τ)

    with F(x, y) = θ(x)ᵀ W φ(y). W is free in scale, so τ sets the speed of learning (η/τ² on F/τ) and how small W is
    when it starts. Stochastic gradient descent with momentum.

    Args:
        dims: sizes of θ(x) and φ(y).
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        batch_size: images a step ≥ 1.
        temperature: τ > 0.
        momentum: of the descent, in [0, 1).
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    def __init__(
        self,
        dims: Dimensions,
        lr: float = 0.1,
        epochs: int = 50,
        batch_size: int = 64,
        temperature: float = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(dims, lr, epochs, batch_size, momentum, weight_decay)
        require_positive(temperature=temperature)
        self.temperature = temperature

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Cross entropy over the seen classes."""
        return cross_entropy(self.scores(batch.x, batch.classes) / self.temperature, batch.y)
