"""What tells while a generator trains whether its features are those of their classes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.training_set import TrainingSet
from zsl.methods.closed_form.moments import class_counts, class_sums

ROWS = 512
"""most images that synthetic features are compared with"""
PER_CLASS = 10
"""images and synthetic features of a class, where there are as many"""


@torch.no_grad()
def diagnosis(synthesize: Callable[[Tensor], Tensor], train: TrainingSet) -> dict[str, float]:
    """Compare synthetic features of the seen classes with real ones, in the units of the generator.

    At most :data:`PER_CLASS` images of a class are read, and as many features are made of each class.

    Args:
        synthesize: φ of n classes (n × k) -> a synthetic feature of each (n × d).
        train: the training set, in the units of the generator.

    Returns:
        ``own_class``: share of seen classes whose synthetic mean is nearer to their real mean than to all others, in
        percent; ``variance_ratio``: variance within classes of synthetic features over that of real ones, near 0 where
        the generator has collapsed, left out where classes have one image each; ``frechet``: Fréchet distance
        (:func:`frechet`) of at most :data:`ROWS` real features and as many synthetic ones of the same classes.
    """
    seen = train.of_seen_classes()
    phi, y = seen.classes.embeddings, seen.examples.labels
    rows = few(y, PER_CLASS)
    y, real = y[rows], seen.examples.inputs[rows]
    fake = synthesize(phi[y])
    (real_means, real_spread), (means, spread) = (_classes(x, y, len(phi)) for x in (real, fake))
    own = torch.cdist(means, real_means).argmin(dim=1) == torch.arange(len(phi), device=y.device)
    some = torch.arange(0, len(y), -(-len(y) // ROWS), device=y.device)
    told = torch.stack([100 * own.double().mean(), spread / real_spread, frechet(real[some], fake[some])])
    found = dict(zip(("own_class", "variance_ratio", "frechet"), told.tolist(), strict=True))
    return {name: value for name, value in found.items() if math.isfinite(value)}


def critic_diagnosis(
    critic: Callable[[Tensor, Tensor], Tensor], synthesize: Callable[[Tensor], Tensor], train: TrainingSet
) -> dict[str, float]:
    """Return what a critic says of at most :data:`ROWS` images and as many synthetic features.

    Returns:
        ``critic_distance``: E D(x, φ) - E D(x̃, φ); ``gradient_norm``: E ‖∇D(x̂, φ)‖₂, which the penalty draws to 1, x̂
        on the line between a real and a synthetic feature of one class.
    """
    seen = train.of_seen_classes()
    y = seen.examples.labels
    rows = few(y, PER_CLASS)
    rows = rows[:: -(-len(rows) // ROWS)]
    real, phi = seen.examples.inputs[rows], seen.classes.embeddings[y[rows]]
    with torch.no_grad():
        fake = synthesize(phi)
        distance = critic(real, phi).mean() - critic(fake, phi).mean()
    with torch.enable_grad():
        mixed = torch.lerp(fake, real, torch.rand(len(real), 1, dtype=real.dtype, device=real.device)).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(mixed, phi).sum(), mixed)
    told = torch.stack([distance, gradient.norm(dim=1).mean()])
    return dict(zip(("critic_distance", "gradient_norm"), told.tolist(), strict=True))


def few(labels: Int[Tensor, " n"], count: int) -> Int[Tensor, " m"]:
    """Return the places of the first ``count`` images of every class."""
    order = labels.argsort(stable=True)
    ordered = labels[order]
    starts = torch.searchsorted(ordered, ordered)
    place = torch.arange(len(labels), device=labels.device) - starts
    return order[place < count].sort().values


def frechet(x: Float[Tensor, "n d"], other: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Return ‖m - m'‖² + tr(C + C' - 2 (CC')^½) of the means and covariances of two samples.

    With C = AᵀA and C' = A'ᵀA', tr (CC')^½ is the sum of the singular values of AA'ᵀ, which has a row and a column for
    each image, not for each feature. Samples smaller than d give a distance that is too large; it compares epochs, not
    data sets.
    """
    m, n = x.mean(dim=0), other.mean(dim=0)
    A, B = (x - m) / (len(x) ** 0.5), (other - n) / (len(other) ** 0.5)
    common = torch.linalg.svdvals((A @ B.T).float()).sum()
    distance: Tensor = (m - n).square().sum() + A.square().sum() + B.square().sum() - 2 * common
    return distance.double()


def _classes(
    x: Float[Tensor, "n d"], y: Int[Tensor, " n"], classes: int
) -> tuple[Float[Tensor, "s d"], Float[Tensor, ""]]:
    """Return the class means, and the variance around them, summed over features."""
    counts = class_counts(y, classes)
    means = class_sums(x, y, classes) / counts.unsqueeze(1)
    away = (x - means[y]).double().square().sum()
    return means.double(), away / (counts - 1).clamp(min=0).sum().clamp(min=1)
