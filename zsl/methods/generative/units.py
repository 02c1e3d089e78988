"""Units of features inside a generator."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zsl.data.stored_rows import BLOCK, StoredRows, blocks
from zsl.data.training_set import TrainingSet
from zsl.methods.closed_form.moments import Features, class_counts, class_scatter, class_sums, eigenpairs
from zsl.methods.generative.class_means import left_out_variance, noise_share, told_apart
from zsl.methods.generative.prepared import Activation, FeatureStatistics

Scale = Literal["whitened", "derived", "data"]
"""units of features inside a generator: :class:`Units`"""
ROUNDING = 1e-10
"""variance within classes, as a part of the mean square of class means, up to which it is rounding"""
NOISY = 1 / 3
"""share of the variance of class means that is noise of their images, above which they are not taken as they are"""


class Units(nn.Module):
    """x ↦ Aᵀ (x - m) / u, and back.

    u is the root mean square over features of their deviations over the training images, after A, and m their mean.
    ``"derived"`` has A = I, and one u for all features keeps their geometry; with a rectifier at the end of the
    generator m = 0, so that what is never negative stays so, and with a sigmoid x is kept. ``"whitened"`` has
    A = (S + tr(S)/d I)^-½, S the covariance within classes: directions in which images of a class differ count less,
    and the trace keeps those in which they hardly do from counting much more; where they do not differ at all, with one
    image a class, A = I. ``"data"`` keeps x.

    Whitened class means can differ by the noise of their images more than by anything else. Where the share ν of their
    variance that is such noise is above ⅓, as of few images of many features, images of a class are moved by m_y - x̄_y,
    with m_y what images and descriptions together tell of the expectation of the class, and S is shrunk towards
    tr(S)/d I by the share of [Ledoit2004]. Where ν is above ½, axes along which the m_y hardly vary count less: A is
    multiplied by the C of :func:`.told_apart`. The noise is that of images that A is not fitted to
    (:func:`.left_out_variance`).

    Args:
        features: d.
        scale: which of the three.
    """

    def __init__(self, features: int, scale: Scale) -> None:
        super().__init__()
        self.scale = scale
        if scale != "data":
            self.register_buffer("m", torch.zeros(features))
            self.register_buffer("u", torch.ones(()))
        if scale == "whitened":
            self.register_buffer("A", torch.eye(features))
            self.register_buffer("inverse", torch.eye(features))
        self.m: Tensor
        self.u: Tensor
        self.A: Tensor
        self.inverse: Tensor

    @property
    def kept(self) -> bool:
        """Whether x stays as it is."""
        return self.scale == "data"

    @torch.no_grad()
    def fit(
        self, train: TrainingSet, found: FeatureStatistics, activation: Activation
    ) -> Float[Tensor, "classes d"] | None:
        """Take the units of the training images, for a generator with this output activation.

        Returns:
            by how much images of each class are moved, in these units, or None where they are not.
        """
        if self.kept:
            return None
        self.m.zero_()
        self.u.fill_(1)
        if self.scale == "whitened":
            self.m.copy_(found.mean)
            return self._whiten(train)
        if activation == "sigmoid":
            return None
        size = found.deviation.double().square().mean().sqrt()
        self.u.copy_(torch.where(size > 0, size, 1.0))
        if activation == "linear":
            self.m.copy_(found.mean)
        return None

    def _whiten(self, train: TrainingSet) -> Float[Tensor, "classes d"] | None:
        x, labels, n = train.examples.inputs, train.examples.labels, len(train.examples)
        sums = class_sums(x, labels, len(train.classes))
        counts = class_counts(labels, len(train.classes)).unsqueeze(1)
        means, centre = sums / counts.clamp(min=1), sums.sum(dim=0) / n
        scatter = class_scatter(x, labels, means)
        within = scatter / n
        between = (means - centre).T @ (counts * (means - centre)) / n
        values, V = eigenpairs(within)
        values = values.clamp(min=0)
        least, moves, seen = ROUNDING * means.square().mean(), None, counts.squeeze(1) > 0
        M, images = means[seen] - centre, counts[seen].squeeze(1)
        a = _inverse_deviations(values, least)
        A, inverse = V * a @ V.T, V / a @ V.T
        if noise_share(M @ A, left_out_variance(x, labels, means, scatter, A, 1 / n) / images) > NOISY:
            kept = 1 - _shrinkage(values, x, labels, means)
            a = _inverse_deviations(kept * values + (1 - kept) * values.mean(), least)
            A, inverse = V * a @ V.T, V / a @ V.T
            noise = left_out_variance(x, labels, means, scatter, A, kept / n) / images
            found = told_apart(M @ A, train.classes.embeddings[seen].double(), noise)
            A, inverse = A @ found.C, found.inverse @ inverse
            moves = torch.zeros_like(means)
            moves[seen] = found.moves
        size = (((within + between) @ A) * A).sum().clamp(min=0).div(len(A)).sqrt()
        size = torch.where(size > 0, size, 1.0)
        self.A.copy_(A)
        self.inverse.copy_(inverse)
        self.u.copy_(size)
        return None if moves is None else moves / size

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """Return x in these units."""
        if self.kept:
            return x
        moved = (x - self.m) / self.u
        return moved @ self.A if self.scale == "whitened" else moved

    def restored(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """Return what is in these units in those of the data."""
        if self.kept:
            return x
        moved = x @ self.inverse if self.scale == "whitened" else x
        return moved * self.u + self.m

    def of(
        self, x: Features, labels: Int[Tensor, " n"] | None = None, moves: Float[Tensor, "classes d"] | None = None
    ) -> Features:
        """Return all features in these units, those of each class moved; stored rows when they are read."""
        if self.kept:
            return x
        by = None if labels is None or moves is None else (moves.to(x.dtype), labels)

        def made(rows: Float[Tensor, "n d"], at: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
            there: Tensor = self(rows)
            return there if by is None else there + by[0][by[1][at]]

        if isinstance(x, StoredRows):
            return x.mapped(made)
        own, places = torch.empty_like(x), torch.arange(len(x), device=x.device)
        for to, rows, at in zip(*(torch.split(each, BLOCK) for each in (own, x, places)), strict=True):
            to.copy_(made(rows, at))
        return own


def _inverse_deviations(values: Float[Tensor, " d"], least: Float[Tensor, ""]) -> Float[Tensor, " d"]:
    """Return (v + mean v)^-½ of the variances within classes; 1 where these are rounding."""
    mean = values.mean()
    return torch.where(mean > least, (values + mean).rsqrt(), torch.ones_like(values))


def _shrinkage(
    values: Float[Tensor, " d"], x: Features, labels: Int[Tensor, " n"], means: Float[Tensor, "classes d"]
) -> Float[Tensor, ""]:
    """Return β for (1 - β) S + β tr(S)/d I, S the covariance within classes with these eigenvalues [Ledoit2004].

    β = min(1, (E ‖rrᵀ - S‖² / n) / ‖S - tr(S)/d I‖²),   r an image less the mean of its class
    """
    fourth = torch.zeros_like(values[0])
    for rows, here in zip(blocks(x, BLOCK), torch.split(labels, BLOCK), strict=True):
        fourth += (rows.double() - means[here]).square().sum(dim=1).square().sum()
    mean, square, n = values.mean(), values.square().sum(), len(labels)
    apart = square - len(values) * mean.square()
    return torch.where(apart > 0, ((fourth / n - square) / n / apart).clamp(0, 1), 1.0)
