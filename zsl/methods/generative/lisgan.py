"""LisGAN: f-CLSWGAN whose fakes are drawn to soul samples, the means of clusters of each class [Li2019]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Unpack

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.examples import Examples, in_turn
from zsl.data.training_set import Batch, Draws, Setting, TrainingSet
from zsl.hyperparameters import passes_on_to, require_count, require_within
from zsl.methods.generative.fclswgan import FCLSWGAN, ClassifierKeys
from zsl.methods.generative.feature_generator import Head
from zsl.methods.generative.losses import nearest_of_own
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.method import Dimensions, ZSLModel

ROUNDS = 25
"""of the clustering"""


class LisGAN(FCLSWGAN):
    """(objective of :class:`FCLSWGAN`)  +  λ₁ E_y min_j ‖s̃(y) - s_j(y)‖²  +  λ₂ E min_j ‖G(z, φ(y)) - s_j(y)‖²

    with s_j(y) the soul samples of a seen class, the means of the clusters of its images, and s̃(y) its fake soul, the
    mean of ``soul_features`` fakes. G is charged both in addition.

    With ``confident`` above 0 heads are trained twice: the second time also on those unlabelled images of the unseen
    classes whose answers have the lowest entropy, a share ``confident`` of them, with the answer of the first head of
    unseen classes as their label. The setting is then transductive. (Public code does so with test images always, of
    seen classes too, and is tabulated as inductive.)

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        lambda1: λ₁ ≥ 0.
        lambda2: λ₂ ≥ 0.
        clusters: soul samples of each seen class ≥ 1.
        soul_features: fakes of each seen class for its fake soul ≥ 1.
        confident: share of the unlabelled images that heads learn from, in [0, 1).
        epochs: as of :class:`.FCLSWGAN`.
        others: all other hyperparameters of :class:`.FCLSWGAN`.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    @passes_on_to(FCLSWGAN)
    def __init__(
        self,
        dims: Dimensions,
        head: Head = Prototypes,
        lambda1: float = 0.01,
        lambda2: float = 0.01,
        clusters: int = 3,
        soul_features: int = 20,
        confident: float = 0.0,
        epochs: int | None = None,
        **others: Unpack[ClassifierKeys],
    ) -> None:
        super().__init__(dims, head, epochs=epochs, **others)
        require_within(0, float("inf"), lambda1=lambda1, lambda2=lambda2)
        require_count(clusters=clusters, soul_features=soul_features)
        require_within(0, 1, confident=confident)
        self.lambda1, self.lambda2, self.soul_features, self.confident = lambda1, lambda2, soul_features, confident
        if confident:
            self.setting = Setting.TRANSDUCTIVE  # type: ignore[misc]
        self.register_buffer("souls", torch.zeros(dims.seen, clusters, dims.features))
        self.souls: Tensor

    def batches(self, train: TrainingSet, seed: int) -> Draws:
        """Return batches as of f-CLSWGAN, and find the soul samples of every seen class."""
        seen = train.of_seen_classes().examples
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.souls.copy_(cluster_means(seen.tensor, seen.labels, self.souls.shape[1]))
        return super().batches(train, seed)

    def fake_loss(self, fake: Float[Tensor, "n d"], batch: Batch) -> Tensor:
        """Return the loss of G, with the distances to soul samples."""
        loss = super().fake_loss(fake, batch)
        if self.lambda2:
            loss = loss + self.lambda2 * nearest_of_own(fake, batch.y[-1], self.souls)
        if self.lambda1:
            phi = batch.classes.embeddings
            own = torch.arange(len(phi), device=phi.device)
            loss = loss + self.lambda1 * nearest_of_own(self.fake_souls(phi), own, self.souls)
        return loss

    def fake_souls(self, phi: Float[Tensor, "s k"]) -> Float[Tensor, "s d"]:
        """Return s̃ of every class; through the last layer of G once a class, where it is linear."""
        every = phi.expand(self.soul_features, -1, -1)
        h = self.generator.hidden(every, self.generator.draw(every))
        if self.activation == "linear":
            return self.generator.from_hidden(h.mean(dim=0))
        return self.generator.from_hidden(h).mean(dim=0)

    def heads(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """Yield the two heads, twice if there are confident images; the second time with these."""
        parts = []
        for part in super().heads(train):
            yield part
            parts.append(part)
        if not self.confident or train.unlabelled is None:
            return
        (zsl_head, synthetic), (gzsl_head, mixed) = parts
        with torch.no_grad():
            x = self.represent(train.unlabelled)
            p = zsl_head.scores(x, synthetic.classes).softmax(dim=1)
            few = torch.special.entr(p).sum(dim=1).argsort(stable=True)[: round(self.confident * len(x))]
            answers = p[few].argmax(dim=1)
        yield zsl_head, _with(synthetic, x[few], answers)
        yield gzsl_head, _with(mixed, x[few], train.classes.unseen_ids[answers])


def _with(train: TrainingSet, x: Float[Tensor, "m r"], y: Int[Tensor, " m"]) -> TrainingSet:
    """Return a training set with more examples."""
    own = train.examples
    return replace(train, examples=Examples(torch.cat([own.tensor, x]), torch.cat([own.labels, y])))


def cluster_means(x: Float[Tensor, "n d"], y: Int[Tensor, " n"], clusters: int) -> Float[Tensor, "s m d"]:
    """Return the means of the clusters of every class, by Lloyd's algorithm from random images of the class.

    All classes are clustered at once. A cluster that loses its images stays where it is; a class of fewer images than
    clusters has some of them twice.
    """
    means = x[in_turn(y, clusters)].view(-1, clusters, x.shape[1])
    for _ in range(ROUNDS):
        away = [(x - means[y, place]).square().sum(dim=1) for place in range(clusters)]
        nearest = torch.stack(away, dim=1).argmin(dim=1)
        place = y * clusters + nearest
        sums = torch.zeros_like(means).view(-1, x.shape[1]).index_add_(0, place, x)
        counts = torch.bincount(place, minlength=len(sums)).to(x).unsqueeze(1)
        means = torch.where(counts > 0, sums / counts.clamp_min(1), means.view(-1, x.shape[1])).view_as(means)
    return means
