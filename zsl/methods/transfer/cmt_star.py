"""CMT*: cross-modal transfer that first decides whether an image is of a seen class [Socher2013]."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from zsl.data.label_space import LabelSpace
from zsl.data.stored_rows import each
from zsl.data.training_set import Batch, TrainingSet
from zsl.hyperparameters import require_choice, require_count, require_within
from zsl.methods.closed_form.nearest import nearness
from zsl.methods.method import Dimensions
from zsl.methods.transfer.cmt import CMT
from zsl.methods.transfer.novelty import Gaussians, LocalOutliers


class CMTStar(CMT):
    """F(x, y) = p(y | x) for seen y, 1 / (1 + ‖f(x) - φ(y)‖²) for unseen y;   less 1 where x is novel ⊕ y is unseen

    with p(y | x) multinomial logistic regression on θ(x) itself, as the paper has it for images that are not novel, and
    CMT's order, that of Gaussian likelihoods around φ(y), for those that are. Both are in (0, 1], so that the classes
    of the decided side come first, each side in its own order. Novelty is decided by

    - ``"gaussian"``: f(x) has a density below a threshold under the isotropic Gaussian of every seen class:
      :class:`.Gaussians`;
    - ``"loop"``: x lies less densely among f of training images than they lie among each other, by its local outlier
      probability: :class:`.LocalOutliers`. The paper also weighs both sides by this probability;
      here it is cut at a threshold, as the other is.

    f and p(y | x), which share no parameter, are learned together: their losses add up, and Adam scales every
    parameter's step by its own gradient. A seen class is identified by φ(y).

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        rejected: share of training images, or of references for ``"loop"``, that are novel themselves, in [0, 1).
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
        require_choice(novelty, "method.novelty", ("gaussian", "loop"))
        require_count(references=references, neighbours=neighbours)
        loop = novelty == "loop"
        self.novel = LocalOutliers(dims, rejected, references, neighbours) if loop else Gaussians(dims, rejected)
        self.seen = nn.Linear(dims.features, dims.seen)
        self.register_buffer("S", torch.zeros(dims.seen, dims.embedding))
        self.S: Tensor

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of CMT plus the cross-entropy of the classifier of seen classes."""
        return super().loss(batch) + cross_entropy(self.seen(batch.x), batch.y)

    @torch.no_grad()
    def finalize(self, train: TrainingSet) -> None:
        """Fit the detector of novelty to projected training images, and store the embeddings of the seen classes."""
        self.S.copy_(train.classes.embeddings)
        self.novel.fit(each(self.f, train.examples.inputs), train.examples.labels, train.classes.embeddings)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return p(y | x) for seen y, 1 / (1 + ‖f(x) - φ(y)‖²) for unseen y, less 1 on the side not decided."""
        f, phi = self.f(x), classes.embeddings
        column = torch.cdist(phi, self.S, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
        near = 1 / (1 - nearness(f, phi, "euclidean").clamp(max=0))
        F = torch.where(classes.seen, self.seen(x).softmax(dim=1)[:, column], near)
        return torch.where(self.novel(f).unsqueeze(1) == classes.seen, F - 1, F)
