"""Detectors of novelty, for projected images that belong to none of the seen classes."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from zsl.methods.closed_form.moments import class_counts, class_sums
from zsl.methods.closed_form.nearest import nearness
from zsl.methods.method import Dimensions

FLOOR = 1e-9
"""added to variances, in the square of φ's unit: a class may have one image, or images that coincide"""


class Gaussians(nn.Module):
    """log N(f; φ(y), σ_y² I) < T for every seen y,   σ_y² = mean ‖f_n - φ(y)‖² / k over the images of y

    says that f is novel [Socher2013], with one T for all classes: the ``rejected`` quantile of max_y log N over
    training images. Thus the share of training images that are novel is fixed. A threshold for every class, with this
    share of its own images below, would not fix it: where the Gaussians overlap, images are within those of others.
    """

    def __init__(self, dims: Dimensions, rejected: float) -> None:
        super().__init__()
        self.rejected = rejected
        self.register_buffer("S", torch.zeros(dims.seen, dims.embedding))
        self.register_buffer("variance", torch.ones(dims.seen))
        self.register_buffer("threshold", torch.zeros(()))
        self.S: Tensor
        self.variance: Tensor
        self.threshold: Tensor

    def fit(self, f: Float[Tensor, "n k"], y: Int[Tensor, " n"], S: Float[Tensor, "s k"]) -> None:
        """Estimate the Gaussians around the seen embeddings S, and the threshold."""
        self.S.copy_(S)
        square = (f - S[y]).square().mean(dim=1)
        sums = class_sums(square.unsqueeze(1), y, len(S)).squeeze(1)
        self.variance.copy_(sums / class_counts(y, len(S)) + FLOOR)
        self.threshold.copy_(self.log_density(f).quantile(self.rejected))

    def forward(self, f: Float[Tensor, "batch k"]) -> Bool[Tensor, " batch"]:
        """Return whether the log density of f is below the threshold."""
        return self.log_density(f) < self.threshold

    def log_density(self, f: Float[Tensor, "batch k"]) -> Float[Tensor, " batch"]:
        """Return max_y log N(f; φ(y), σ_y² I), up to the constant k/2 log 2π."""
        exponent = nearness(f, self.S, "euclidean").clamp(max=0) / self.variance
        return (exponent - f.shape[1] * self.variance.log()).amax(dim=1) / 2


class LocalOutliers(nn.Module):
    """Detector of novelty: f is novel if its LoOP exceeds the LoOP of a share 1 - ``rejected`` of the references.

    LoOP(f) = [erf(PLOF(f) / Z)]₊,   PLOF(f) = σ(f) / mean_{q ∈ N(f)} σ(q) - 1,   σ(f)² = mean_{q ∈ N(f)} ‖f - q‖²

    [Kriegel2009], where N(f) are the nearest of the references, which are training images: evenly spaced ones of every
    class, or all of a class that has no more. A reference is not its own neighbour. The probability never falls
    as PLOF grows, so that PLOF is compared instead, which has no ties at 0; Z and the λ of the papers, which is a
    factor of Z, have no influence then.
    """

    def __init__(self, dims: Dimensions, rejected: float, references: int, neighbours: int) -> None:
        super().__init__()
        self.rejected, self.per_class = rejected, references
        self.neighbours = min(neighbours, dims.seen * references)
        self.register_buffer("references", torch.zeros(dims.seen * references, dims.embedding))
        self.register_buffer("sigma", torch.full((dims.seen * references,), math.inf))
        self.register_buffer("threshold", torch.zeros(()))
        self.references: Tensor
        self.sigma: Tensor
        """∞ in the rows that small classes leave empty"""
        self.threshold: Tensor

    def fit(self, f: Float[Tensor, "n k"], y: Int[Tensor, " n"], S: Float[Tensor, "s k"]) -> None:
        """Choose references among the images f, and compute σ of each reference, and the threshold."""
        chosen = torch.cat([self._spaced((y == label).nonzero().squeeze(1)) for label in range(len(S))])
        n = len(chosen)
        self.references.zero_()
        self.references[:n] = f[chosen]
        self.sigma.fill_(math.inf)
        self.sigma[:n] = 0
        squared = self._squared_distances(self.references[:n])
        squared.fill_diagonal_(math.inf)
        self.sigma[:n] = self._nearest(squared)[0]
        self.threshold.copy_(self._plof(squared).quantile(1 - self.rejected))

    def forward(self, f: Float[Tensor, "batch k"]) -> Bool[Tensor, " batch"]:
        """Return whether PLOF(f) is above the threshold."""
        return self._plof(self._squared_distances(f)) > self.threshold

    def _spaced(self, rows: Int[Tensor, " m"]) -> Int[Tensor, " chosen"]:
        if len(rows) <= self.per_class:
            return rows
        return rows[torch.arange(self.per_class, device=rows.device) * len(rows) // self.per_class]

    def _squared_distances(self, f: Float[Tensor, "batch k"]) -> Float[Tensor, "batch references"]:
        squared = -nearness(f, self.references, "euclidean").clamp(max=0)
        return squared.masked_fill(self.sigma.isinf(), math.inf)

    def _nearest(self, squared: Float[Tensor, "batch references"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return σ(f), N(f), and the weights of its mean; neighbours at infinity have weight 0."""
        squared, near = squared.topk(self.neighbours, dim=1, largest=False)
        there = squared.isfinite().to(squared.dtype)
        share = there / there.sum(dim=1, keepdim=True).clamp(min=1)
        return squared.where(share > 0, 0).mul(share).sum(dim=1).sqrt(), near, share

    def _plof(self, squared: Float[Tensor, "batch references"]) -> Float[Tensor, " batch"]:
        sigma, near, share = self._nearest(squared)
        usual = self.sigma[near].where(share > 0, 0).mul(share).sum(dim=1)
        return sigma / usual.clamp(min=torch.finfo(sigma.dtype).tiny) - 1
