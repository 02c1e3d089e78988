"""A softmax classifier over the classes that it is trained on, real or synthetic: the usual head of a generator."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear
from torch.optim import Adam, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, Batches, TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_count, require_positive, require_within
from zsl.methods.closed_form.known_classes import places
from zsl.methods.generative.losses import log_prior
from zsl.methods.method import Dimensions, ZSLModel

PASSES = 25
"""over the training features, unless they are given or ``steps`` need more"""


class Softmax(ZSLModel):
    """F(x, y) = log softmax(Vx + c)[y]

    over the classes of training, by Adam. A class is identified by its φ alone: classes of equal φ have one score.
    A part of the label space has the same order of classes, for each image, as within the whole.

    With a ratio r the cross-entropy is that of Vx + c + log p(y | S) + log p(S), S whether a class is seen: the logit
    adjustment of [Chen2022], by which a class of few synthetic features loses nothing to one of many real ones.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of classes in training as ``dims.seen``.
        lr: learning rate > 0.
        epochs: passes over the training features ≥ 1, or None for 25, or as many as ``steps`` need if that is more.
        steps: ≥ 1, without ``epochs``.
        batch_size: features a step ≥ 1.
        beta1: decay of Adam's first moment, in [0, 1).
        weight_decay: ≥ 0.
        ratio: r > 0, the odds p(seen) / p(unseen) of training (:func:`.log_prior`); None adjusts nothing.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    def __init__(
        self,
        dims: Dimensions,
        lr: float = 1e-3,
        epochs: int | None = None,
        steps: int = 300,
        batch_size: int = 256,
        beta1: float = 0.5,
        weight_decay: float = 0.0,
        ratio: float | None = None,
    ) -> None:
        super().__init__()
        require_positive(lr=lr)
        require_count(batch_size=batch_size)
        require_within(0, 1, beta1=beta1)
        require_within(0, float("inf"), weight_decay=weight_decay)
        require_positive(ratio=1 if ratio is None else ratio)
        self.ratio = ratio
        self.register_buffer("prior", torch.zeros(dims.seen), persistent=False)
        self.prior: Tensor
        self.lr, self.batch_size = lr, batch_size
        self.train_for(epochs, steps)
        self.beta1, self.weight_decay = beta1, weight_decay
        self.V = nn.Parameter(0.02 * torch.randn(dims.seen, dims.features))
        self.c = nn.Parameter(torch.zeros(dims.seen))
        self.register_buffer("phi", torch.zeros(dims.seen, dims.embedding))
        self.phi: Tensor

    def prepared(self, train: TrainingSet) -> TrainingSet:
        """Derive the number of passes, where it was left open."""
        train = super().prepared(train)
        self.epochs = max(self.epochs, PASSES) if self.steps else self.epochs
        return train

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return log-probabilities among the classes of training.

        Raises:
            InputError: one of ``classes`` was not among them.
        """
        return self.logits(x).log_softmax(dim=1)[:, self._places(classes)]

    def logits(self, x: Float[Tensor, "batch d"]) -> Float[Tensor, "batch s"]:
        """Return Vx + c."""
        return linear(x, self.V, self.c)

    def risk(self, x: Float[Tensor, "batch d"], y: Int[Tensor, "batch"]) -> Float[Tensor, ""]:
        """Return the cross-entropy E -log softmax(Vx + c)[y]."""
        return cross_entropy(self.logits(x), y)

    def batches(self, train: TrainingSet, seed: int) -> Batches:
        """Return shuffled batches, and count the images of every class for the adjustment, if there is one."""
        if self.ratio is not None:
            counts = train.examples.labels.bincount(minlength=len(train.classes)).to(self.prior)
            self.prior.copy_(log_prior(counts, train.classes.seen, self.ratio))
        return super().batches(train, seed)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the cross-entropy of a batch, adjusted if there is a ratio."""
        return (
            self.risk(batch.x, batch.y)
            if self.ratio is None
            else cross_entropy(self.logits(batch.x) + self.prior, batch.y)
        )

    def configure_optimizers(self) -> Optimizer:
        """Return Adam."""
        return Adam(self.parameters(), self.lr, (self.beta1, 0.999), weight_decay=self.weight_decay, fused=True)

    def finalize(self, train: TrainingSet) -> None:
        """Store φ of the classes of training, by which classes are identified."""
        self.phi.copy_(train.classes.embeddings)

    def _places(self, classes: LabelSpace) -> Int[Tensor, " classes"]:
        """Return the position of each class among those of training."""
        found = places(self.phi, classes.embeddings)
        if (found < 0).any():
            name = classes.names[int((found < 0).nonzero()[0])]
            raise InputError(f"class {name!r} was not there when the classifier was trained; train again with it")
        return found
