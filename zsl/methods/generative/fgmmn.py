"""f-GMMN: a moment matching network of features [Li2015], an ablation of f-CLSWGAN [Xian2018b]."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.optim import Adam, Optimizer

from zsl.data.training_set import Batch, Draws, TrainingSet
from zsl.hyperparameters import Duration, require_choice, require_count, require_positive
from zsl.methods.generative.feature_generator import FeatureGenerator, Head
from zsl.methods.generative.features_per_class import PerClass
from zsl.methods.generative.networks import Begin, Generator, Output, require_reach
from zsl.methods.generative.prepared import FeatureStatistics, require_phi_scale
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.generative.space import MakeSpace, Space
from zsl.methods.generative.units import Scale
from zsl.methods.method import Dimensions

OCTAVES = (-3, -2, -1, 0, 1)
"""the widths of the kernels, as powers of 2"""


class OneClassDraws(Draws):
    """Several batches a step, each of the class of one image that is drawn at random, with replacement."""

    def _rows(self, labels: Int[Tensor, " n"], seed: int) -> Sequence[Int[Tensor, "several batch"]]:
        y, size = labels, (-(-len(labels) // self.batch_size), self.several)
        generator = torch.Generator(y.device).manual_seed(seed)
        classes = y[torch.randint(len(y), size, generator=generator, device=y.device)].unsqueeze(-1)
        counts = torch.bincount(y)
        first = counts.cumsum(0) - counts
        share = torch.rand(*size, self.batch_size, generator=generator, device=y.device, dtype=torch.float64)
        return y.argsort(stable=True)[first[classes] + (share * counts[classes]).long()].unbind()


class FGMMN(FeatureGenerator):
    """min_G E_y √MMD²(x, G(z, φ(y))),   MMD² = E k(x, x') - 2 E k(x, x̃) + E k(x̃, x̃')

    over images x and features x̃ = G(z, φ(y)) of the same class, z ~ N(0, I), with the kernel

    k(x, x') = Σ_j exp(-‖x - x'‖² / 2ʲ w c),   c = E ‖x - x'‖² over all training images, j = -3, …, 1

    The expectations are means over one batch of a class, each pair counted; a step has ``n_classes`` such batches.
    Neither paper says by which widths features are compared: they are relative to the data here, w is chosen.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a classifier of synthetic features.
        space: makes the space in which heads learn.
        features_per_class: synthetic features of each unseen class: a number ≥ 1, or a multiple such as ``3x`` of the
            mean number of images of a seen class, or of 20 where it is less; None for ``1x``.
        fill_seen: whether synthetic features fill up each seen class to this number, for the head over all classes.
        noise: length of z ≥ 1, or None for that of φ.
        hidden: width of G's hidden layer ≥ 1.
        phi_scale: c > 0: G is given cφ, beside z; None for c with which seen classes are 4 apart.
        units: of features inside G, as of :class:`.AdversarialOptions`.
        output: activation of G: ``"linear"``, ``"relu"``, ``"sigmoid"``, or ``"auto"`` by the range of features.
        begin: weights that G begins with, as of :class:`.AdversarialOptions`.
        bandwidth: w > 0.
        n_classes: classes a step ≥ 1.
        lr: learning rate > 0.
        epochs: as many times n / batch_size steps ≥ 1, or None for as many as ``steps`` need.
        steps: ≥ 1, without ``epochs``.
        budget: time such as ``5min`` after which training ends with its epoch; chosen epochs are all made.
        batch_size: images of each class a step ≥ 1.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    def __init__(
        self,
        dims: Dimensions,
        head: Head = Prototypes,
        space: MakeSpace = Space,
        features_per_class: PerClass = None,
        fill_seen: bool = True,
        noise: int | None = None,
        hidden: int = 1024,
        phi_scale: float | None = None,
        units: Scale = "whitened",
        output: Output = "auto",
        begin: Begin = "regression",
        bandwidth: float = 1.0,
        n_classes: int = 6,
        lr: float = 1e-3,
        epochs: int | None = None,
        steps: int = 3000,
        budget: Duration = None,
        batch_size: int = 64,
    ) -> None:
        super().__init__(
            dims, head, features_per_class, space=space, units=units, output=output, begin=begin, fill_seen=fill_seen
        )
        noise = dims.embedding if noise is None else noise
        require_count(noise=noise, hidden=hidden, n_classes=n_classes, batch_size=batch_size)
        require_phi_scale(phi_scale)
        require_positive(bandwidth=bandwidth, lr=lr)
        require_choice(output, "method.output", ("auto", "linear", "relu", "sigmoid"))
        require_choice(begin, "method.begin", ("regression", "random"))
        require_choice(units, "method.units", ("whitened", "derived", "data"))
        self.bandwidth, self.n_classes = bandwidth, n_classes
        self.lr, self.batch_size = lr, batch_size
        self.train_for(epochs, steps, budget)
        self.generator = Generator(noise, dims.embedding, hidden, dims.features, output, phi_scale)
        self.register_buffer("c", torch.ones(()))
        self.c: Tensor

    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Return G(z, φ), z ~ N(0, I)."""
        x: Tensor = self.generator(phi)
        return x

    def batches(self, train: TrainingSet, seed: int) -> OneClassDraws:
        """Return ``n_classes`` batches a step, and set c to twice the sum of the variances.

        Raises:
            InputError: G ends with a sigmoid, and features do not lie in [0, 1].
        """
        require_reach(self.output, train.examples.inputs)
        c = 2 * FeatureStatistics.of(train.examples.inputs).deviation.square().sum()
        self.c.copy_(torch.where(c > 0, c, 1.0))
        return OneClassDraws(train, self.batch_size, self.n_classes, seed)

    def configure_optimizers(self) -> Optimizer:
        """Return Adam for the generator."""
        return Adam(self.generator.parameters(), self.lr, (0.5, 0.999), fused=True)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean of √MMD² over the classes of the batch."""
        fake = self.generator(batch.classes.embeddings[batch.y])
        squared = self.discrepancy(batch.x, fake)
        return squared.clamp_min(torch.finfo(squared.dtype).eps).sqrt().mean()

    def discrepancy(
        self, real: Float[Tensor, "*several n d"], fake: Float[Tensor, "*several n d"]
    ) -> Float[Tensor, "*several"]:
        """Return MMD² = sᵀKs / n²,   s = (1, …, 1, -1, …, -1), K over real and fake features."""
        with torch.autocast(real.device.type, enabled=False):  # differences of large numbers
            x = torch.cat([real, fake.to(real)], dim=-2)
            norms = x.square().sum(dim=-1)
            distances = norms.unsqueeze(-1) + norms.unsqueeze(-2) - 2 * x @ x.mT
            K = sum(torch.exp(-distances / (2.0**j * self.bandwidth * self.c)) for j in OCTAVES)
            assert isinstance(K, Tensor)
            n = real.shape[-2]
            s = torch.cat([K.new_ones(n), K.new_full((n,), -1.0)]) / n
            return K @ s @ s
