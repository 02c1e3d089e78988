"""CMT*: cross-modal transfer that first decides whether an image is of a seen class [Socher2013]."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.scaling import require
from zsl.data.training_set import TrainingSet
from zsl.methods.novelty import Balls, LocalOutliers
from zsl.methods.transfer.cmt import CMT
from zsl.model import Dimensions, require_count, require_within


class CMTStar(CMT):
    """F(x, y) = -‖f(x) - φ(y)‖² - B(x) · [x is novel ⊕ y is unseen],   B(x) = 1 + (‖f(x)‖ + max_y ‖φ(y)‖)²

    B(x) exceeds every distance, so that the classes of the decided side come first, each side in CMT's order. Novelty
    is decided as in the paper, by

    - ``"gaussian"``: around φ(y) lies an isotropic Gaussian, and x is novel if each gives it a density below that
      class's threshold; whatever the Gaussian's width, its threshold is a ball: :class:`~zsl.methods.novelty.Balls`;
    - ``"loop"``: x lies less densely among f of training images than they lie among each other, by its local outlier
      probability: :class:`~zsl.methods.novelty.LocalOutliers`.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        rejected: share of training images outside their ball, or of references that are novel themselves, in [0, 1).
        novelty: ``"gaussian"`` or ``"loop"``.
        references: training images a seen class that ``"loop"`` keeps at most, ≥ 1.
        neighbours: of an image among the references, for ``"loop"``, ≥ 1.
        hidden: width of the hidden layer ≥ 1.
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        batch_size: images a step ≥ 1.
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range, or the detector is unknown.
    """

    def __init__(
        self,
        dims: Dimensions,
        rejected: float = 0.2,
        novelty: Literal["gaussian", "loop"] = "gaussian",
        references: int = 20,
        neighbours: int = 20,
        hidden: int = 512,
        lr: float = 1e-3,
        epochs: int = 50,
        batch_size: int = 64,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(dims, hidden, lr, epochs, batch_size, weight_decay)
        require_within(0, 1, rejected=rejected)
        require(novelty, "method.novelty", ("gaussian", "loop"))
        require_count(references=references, neighbours=neighbours)
        loop = novelty == "loop"
        self.novel = LocalOutliers(dims, rejected, references, neighbours) if loop else Balls(dims, rejected)

    @torch.no_grad()
    def finalize(self, train: TrainingSet) -> None:
        """Fit the detector of novelty to projected training images."""
        self.novel.fit(self.f(train.examples.inputs), train.examples.labels, train.classes.embeddings)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """CMT's, less B(x) for the classes on the other side."""
        f = self.f(x)
        bound = 1 + (f.norm(dim=1) + classes.embeddings.norm(dim=1).max()).square()
        other_side = self.novel(f).unsqueeze(1) == classes.seen
        F: Tensor = super().scores(x, classes) - bound.unsqueeze(1) * other_side
        return F
