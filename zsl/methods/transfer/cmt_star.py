"""CMT*: cross-modal transfer that first decides whether an image is of a seen class [Socher2013]."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.methods.nearest import nearness
from zsl.methods.transfer.cmt import CMT
from zsl.model import Dimensions, require_within


class CMTStar(CMT):
    """F(x, y) = -‖f(x) - φ(y)‖² - B(x) · [x is novel ⊕ y is unseen],   B(x) = 1 + (‖f(x)‖ + max_y ‖φ(y)‖)²

    x is novel if ‖f(x) - φ(y)‖ > r_y for every seen y. Around φ(y) lies an isotropic Gaussian, and x is novel if each
    gives it a density below that class's threshold; whatever the Gaussian's width, its threshold is a ball, and the
    radius r_y leaves a share ``rejected`` of y's own training images outside. B(x) exceeds every distance, so that the
    classes of the decided side come first, each side in CMT's order.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        rejected: share of training images outside their ball, in [0, 1).
        hidden: width of the hidden layer ≥ 1.
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        batch_size: images a step ≥ 1.
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    def __init__(
        self,
        dims: Dimensions,
        rejected: float = 0.2,
        hidden: int = 512,
        lr: float = 1e-3,
        epochs: int = 50,
        batch_size: int = 64,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(dims, hidden, lr, epochs, batch_size, weight_decay)
        require_within(0, 1, rejected=rejected)
        self.rejected = rejected
        self.register_buffer("S", torch.zeros(dims.seen, dims.embedding))
        self.register_buffer("squared_radius", torch.zeros(dims.seen))
        self.S: Tensor
        self.squared_radius: Tensor

    @torch.no_grad()
    def finalize(self, train: TrainingSet) -> None:
        """Fix the balls around the seen classes."""
        self.S.copy_(train.classes.embeddings)
        y = train.examples.labels
        distance = (self.f(train.examples.inputs) - self.S[y]).square().sum(dim=1)
        for label in range(len(self.S)):
            self.squared_radius[label] = distance[y == label].quantile(1 - self.rejected)

    def novel(self, x: Float[Tensor, "batch d"]) -> Bool[Tensor, " batch"]:
        """Whether an image lies outside the balls of all seen classes."""
        return (-nearness(self.f(x), self.S, "euclidean") > self.squared_radius).all(dim=1)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """CMT's, less B(x) for the classes on the other side."""
        bound = 1 + (self.f(x).norm(dim=1) + classes.embeddings.norm(dim=1).max()).square()
        other_side = self.novel(x).unsqueeze(1) == classes.seen
        F: Tensor = super().scores(x, classes) - bound.unsqueeze(1) * other_side
        return F
