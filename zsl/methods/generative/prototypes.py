"""Prototypes of classes, learned from their descriptions: a head that needs few synthetic features [Chen2022]."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from torch.optim import Adam, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, Batches, TrainingSet
from zsl.hyperparameters import require_count, require_positive, require_within
from zsl.methods.generative.losses import log_prior
from zsl.methods.generative.networks import mlp
from zsl.methods.generative.prepared import hold_phi_scale, require_phi_scale, weigh_by_length
from zsl.methods.method import Dimensions, ZSLModel


class Prototypes(ZSLModel):
    """F(x, y) = cos(x, P(φ(y))) / τ,   P(φ) = W₂ λ(W₁cφ + b₁) + b₂

    min_P E -log softmax(F(x, ·) + log p(· | S) + log p(S))[y]

    with λ the leaky rectifier and S whether a class is seen. The priors of training (:func:`.log_prior`) are there in
    training alone, so that scores are those of equally frequent classes, seen or unseen: the zero-shot logit
    adjustment. Without a ratio they are left out. As classes are known by φ alone, also those that were not there in
    training have scores. Adam with β₁ = ½; public code halves its learning rate every 30 epochs.

    Args:
        dims: sizes of θ(x) and φ(y).
        hidden: width of P's hidden layer ≥ 1.
        temperature: τ > 0.
        phi_scale: c > 0, or None for 1 / √(E ‖φ‖²) over the classes of training.
        ratio: r > 0, the odds p(seen) / p(unseen) of training; None adjusts nothing.
        lr: learning rate > 0.
        epochs: passes over the training features ≥ 1, or None for as many as ``steps`` need.
        steps: ≥ 1, without ``epochs``.
        batch_size: features a step ≥ 1.
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    phi_scale: float | Tensor

    def __init__(
        self,
        dims: Dimensions,
        hidden: int = 1024,
        temperature: float = 0.04,
        phi_scale: float | None = None,
        ratio: float | None = 30.0,
        lr: float = 3e-4,
        epochs: int | None = None,
        steps: int = 300,
        batch_size: int = 512,
        weight_decay: float = 1e-4,
    ) -> None:
        super().__init__()
        require_count(hidden=hidden, batch_size=batch_size)
        require_positive(temperature=temperature, lr=lr, ratio=1 if ratio is None else ratio)
        require_within(0, float("inf"), weight_decay=weight_decay)
        self.temperature, self.ratio = temperature, ratio
        self.lr, self.batch_size, self.weight_decay = lr, batch_size, weight_decay
        self.train_for(epochs, steps)
        require_phi_scale(phi_scale)
        hold_phi_scale(self, phi_scale)
        self.layers = mlp(dims.embedding, hidden, dims.features)
        self.prior: Tensor | None = None

    def prepared(self, train: TrainingSet) -> TrainingSet:
        """Derive the weight of φ and the number of passes, where they were left open."""
        weigh_by_length(self, train.classes.embeddings)
        return super().prepared(train)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return cosines over the temperature."""
        prototypes = self.layers(self.phi_scale * classes.embeddings)
        return normalize(x, dim=1) @ normalize(prototypes, dim=1).T / self.temperature

    def batches(self, train: TrainingSet, seed: int) -> Batches:
        """Return shuffled batches, and count the images of every class for the adjustment, if there is one."""
        if self.ratio is not None:
            counts = train.examples.labels.bincount(minlength=len(train.classes)).to(train.classes.embeddings)
            self.prior = log_prior(counts, train.classes.seen, self.ratio)
        return super().batches(train, seed)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the adjusted cross-entropy of a batch."""
        logits = self.scores(batch.x, batch.classes)
        return cross_entropy(logits if self.prior is None else logits + self.prior, batch.y)

    def configure_optimizers(self) -> Optimizer:
        """Return Adam."""
        return Adam(self.parameters(), self.lr, (0.5, 0.999), weight_decay=self.weight_decay, fused=True)
