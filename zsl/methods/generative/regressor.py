"""A regressor from features to descriptions, which closes the cycle of a generator from descriptions [Felix2018]."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.optim import Adam, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch
from zsl.hyperparameters import require_count, require_positive
from zsl.methods.closed_form.nearest import nearness
from zsl.methods.generative.networks import mlp
from zsl.methods.generative.space import Space
from zsl.methods.method import Dimensions


class Regressor(Space):
    """min_{W, b}  E ‖Wx + b - φ(y) / ‖φ(y)‖₂‖²

    over real features of seen classes. Fakes of a guided generator are charged the same, which closes the cycle from a
    description over a feature back to the description; the regressor learns from real features alone. Heads learn from
    x. As a method of its own F(x, y) = -‖Wx + b - φ(y) / ‖φ(y)‖₂‖².

    Args:
        dims: sizes of θ(x) and φ(y).
        lr: learning rate of Adam > 0.
        epochs: passes over the real features ≥ 1, where it is trained before the generator; None for as many as
            ``steps`` need.
        steps: ≥ 1, without ``epochs``.
        batch_size: features a step ≥ 1, where it is trained before the generator.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    def __init__(
        self,
        dims: Dimensions,
        lr: float = 1e-4,
        epochs: int | None = None,
        steps: int = 3000,
        batch_size: int = 64,
    ) -> None:
        super().__init__(dims)
        require_positive(lr=lr)
        require_count(batch_size=batch_size)
        self.lr, self.batch_size = lr, batch_size
        self.train_for(epochs, steps)
        self.regress: nn.Sequential = mlp(dims.features, dims.embedding)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return minus the squared distance to every description, of length 1."""
        return nearness(self.regress(x), normalize(classes.embeddings, dim=1), "euclidean")

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the squared distance of real features."""
        return self._distance(batch.x, batch.classes.embeddings[batch.y])

    def charge(
        self,
        fake: Float[Tensor, "n d"],
        y: Int[Tensor, " n"],
        classes: LabelSpace,
        real: Float[Tensor, "n d"],  # noqa: ARG002
        restored: bool,  # noqa: ARG002
    ) -> Float[Tensor, ""]:
        """Return the squared distance of fakes."""
        return self._distance(fake, classes.embeddings[y])

    def configure_optimizers(self) -> Optimizer:
        """Return Adam."""
        return Adam(self.parameters(), self.lr, (0.5, 0.999), fused=True)

    def _distance(self, x: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
        loss: Tensor = (self.regress(x) - normalize(phi, dim=1)).square().sum(dim=1).mean()
        return loss
