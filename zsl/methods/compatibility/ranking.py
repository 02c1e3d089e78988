"""Ranking losses: hinges on the wrong classes of an image, which ALE, DeViSE, SJE and LATEM weight differently."""

from __future__ import annotations

from typing import Unpack

from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.training_set import Batch
from zsl.hyperparameters import passes_on_to, require_positive
from zsl.methods.compatibility.bilinear import BilinearSGD, DescentKeys
from zsl.methods.method import Dimensions


class RankingKeys(DescentKeys, total=False):
    """Hyperparameters of :class:`RankingSGD` that methods pass on to it."""

    margin: float


class RankingSGD(BilinearSGD):
    """A bilinear map whose loss weights the hinges [Δ + F(x_n, y) - F(x_n, y_n)]₊ of the wrong classes y ≠ y_n.

    Args:
        dims: sizes of θ(x) and φ(y).
        lr: learning rate > 0.
        margin: Δ > 0.
        descent: ``epochs``, ``batch_size``, ``momentum`` and ``weight_decay``, as of :class:`.BilinearSGD`.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    @passes_on_to(BilinearSGD)
    def __init__(self, dims: Dimensions, lr: float, margin: float = 1.0, **descent: Unpack[DescentKeys]) -> None:
        super().__init__(dims, lr, **descent)
        require_positive(margin=margin)
        self.margin = margin

    def hinges(self, batch: Batch) -> Float[Tensor, "batch s"]:
        """Return the hinge of every image and class, 0 for the image's own class."""
        return violations(self.scores(batch.x, batch.classes), batch.y, self.margin)


def violations(F: Float[Tensor, "batch s"], y: Int[Tensor, " batch"], margin: float) -> Float[Tensor, "batch s"]:
    """Return [Δ + F(x_n, y) - F(x_n, y_n)]₊ for every class y ≠ y_n, and 0 for y_n itself."""
    own = y.unsqueeze(1)
    return (margin + F - F.gather(1, own)).clamp(min=0).scatter(1, own, 0)
