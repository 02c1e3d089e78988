"""Gaussian classes: a generator of features in closed form, by empirical Bayes, in the line of [Verma2017]."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.linalg import solve_triangular

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_positive, require_within
from zsl.methods.closed_form.known_classes import places
from zsl.methods.closed_form.moments import Features, class_counts, class_scatter, class_sums
from zsl.methods.generative.class_means import leave_one_out, left_out_variance
from zsl.methods.generative.units import ROUNDING
from zsl.methods.method import Dimensions, ZSLModel

LEAST = 1e-3
"""least variance of what descriptions do not foretell, in those within classes"""


class GaussianClasses(ZSLModel):
    """F(x, y) = m_yᵀ C⁻¹ (x - m_y / 2) = log N(x; m_y, C) + const(x),   C = S + D

    x = μ_y + r,   μ_y = m(φ(y)) + e_y,   r ~ N(0, S),   e_y ~ N(0, D)

    m(φ) = B(φ - φ̄) is the ridge regression of class means x̄_y on descriptions; x and all means are less the mean of the
    x̄_y. S is the covariance within classes, D that of what descriptions do not foretell; all are learned from seen
    classes. An unseen class has m_y = m(φ(y)). A seen class has what its n images tell besides:

        m_y = m₋(φ(y)) + K (x̄_y - m₋(φ(y))),   K = D (D + vS / κn)⁻¹

    with m₋ the regression that leaves this class out, and v the mean variance of a feature within classes where S = I,
    of images that S is not fitted to (:func:`.left_out_variance`). With κ = 1 an image is one of n independent draws;
    with a smaller κ it counts less, and seen classes are compared with unseen ones on more equal terms. C is the same
    for all classes, so that scores are linear in x, and no term of them depends on the number of images alone.

    λ of the regression is that of 29 with the least Σ_y (x̄ - m₋)ᵀ S⁻¹ (x̄ - m₋). S is shrunk to (1 - ρ) S + ρ tr(S)/d I.
    D is the mean of (x̄ - m₋)(x̄ - m₋)ᵀ less vS / n, shrunk to a multiple of S by the share of [Ledoit2004]. All of it is
    computed where S = I and D is diagonal: O(nd² + d³), in double precision.

    A class is known by its φ, so that a class with the φ of a seen class is that class.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        kappa: κ > 0.
        shrinkage: ρ in (0, 1).

    Raises:
        InputError: κ or ρ is out of range.
    """

    def __init__(self, dims: Dimensions, kappa: float = 0.1, shrinkage: float = 0.5) -> None:
        super().__init__()
        require_positive(kappa=kappa, shrinkage=shrinkage)
        require_within(0, 1, shrinkage=shrinkage)
        self.kappa, self.shrinkage = kappa, shrinkage
        d, k, s = dims.features, dims.embedding, dims.seen
        self.register_buffer("centre", torch.zeros(d))
        self.register_buffer("whiten", torch.eye(d))
        self.register_buffer("colour", torch.eye(d))
        self.register_buffer("phi", torch.zeros(s, k))
        self.register_buffer("phi_mean", torch.zeros(k))
        self.register_buffer("B", torch.zeros(k, d))
        self.register_buffer("seen_means", torch.zeros(s, d))
        self.centre: Tensor
        self.whiten: Tensor
        self.colour: Tensor
        self.phi: Tensor
        self.phi_mean: Tensor
        self.B: Tensor
        self.seen_means: Tensor

    @torch.no_grad()
    def finalize(self, train: TrainingSet) -> None:
        """Estimate S, m and D from the seen classes, and what their images tell of each."""
        x, y, phi = train.examples.inputs, train.examples.labels, train.classes.embeddings.double()
        n = class_counts(y, len(phi))
        means = class_sums(x, y, len(phi)) / n.unsqueeze(1)
        centre, phi_mean = means.mean(dim=0), phi.mean(dim=0)
        L, v = self._within(x, y, means)
        M = solve_triangular(L, (means - centre).T, upper=False).T
        B, errors = leave_one_out(phi - phi_mean, M)
        D, Q = spread(errors, float((v / n).mean()))
        K, deviation = D / (D + v / (self.kappa * n.unsqueeze(1))), (1 + D).sqrt()
        self.centre.copy_(centre)
        self.whiten.copy_(solve_triangular(L.T, Q, upper=True) / deviation)
        self.colour.copy_((L @ Q * deviation).T)
        self.phi.copy_(phi)
        self.phi_mean.copy_(phi_mean)
        self.B.copy_(B @ Q / deviation)
        self.seen_means.copy_(((M - errors) @ Q + K * (errors @ Q)) / deviation)

    def means(self, phi: Float[Tensor, "classes k"]) -> Float[Tensor, "classes d"]:
        """Return m_y of the class of every row of ``phi``, in coordinates in which C = I."""
        place = places(self.phi, phi)
        return torch.where((place >= 0).unsqueeze(1), self.seen_means[place], (phi - self.phi_mean) @ self.B)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return log densities up to a number that is the same for all classes."""
        m = self.means(classes.embeddings)
        return ((x - self.centre) @ self.whiten) @ m.T - m.square().sum(dim=1) / 2

    def synthesize_features(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Draw x ~ N(m_y, C) for the class of every row of ``phi``."""
        m = self.means(phi)
        return self.centre + (m + torch.randn_like(m)) @ self.colour

    def _within(
        self, x: Features, y: Int[Tensor, " n"], means: Float[Tensor, "s d"]
    ) -> tuple[Float[Tensor, "d d"], Float[Tensor, ""]]:
        """Return the Cholesky factor of S, shrunk, and v.

        Where images of a class do not differ, as where there is one of each, S is a multiple of I, and v = 1.
        """
        scatter, free = class_scatter(x, y, means), max(len(x) - len(means), 1)
        size, between = scatter.trace() / len(scatter) / free, means.var(dim=0, correction=0).mean()
        eye = torch.eye(len(scatter), dtype=scatter.dtype, device=scatter.device)
        if size <= ROUNDING * means.square().mean():
            return eye * torch.where(between > 0, between, 1.0).sqrt(), torch.ones_like(size)
        weight = (1 - self.shrinkage) / free
        L = torch.linalg.cholesky(weight * scatter + self.shrinkage * size * eye)
        A = solve_triangular(L.T, eye, upper=True)
        return L, left_out_variance(x, y, means, scatter, A, weight)


def spread(errors: Float[Tensor, "s d"], noise: float) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
    """Return the variances of errors e, less those of noise, along the axes Q in which they are uncorrelated.

    Their covariance A = mean eeᵀ is shrunk to (1 - β) A + β tr(A) / d I, with β at most 1 [Ledoit2004]:

        β = (mean ‖eeᵀ - A‖² / s) / ‖A - tr(A) / d I‖²
    """
    s, d = errors.shape
    _, sigma, QT = torch.linalg.svd(errors, full_matrices=True)
    values = errors.new_zeros(d)
    values[: len(sigma)] = sigma.square() / s
    mean, square = values.mean(), values.square().sum()
    apart = square - d * mean.square()
    noisy = (errors.square().sum(dim=1).square().mean() - square) / s
    share = (noisy / apart).clamp(0, 1) if apart > 0 else errors.new_ones(())
    return ((1 - share) * values + share * mean - noise).clamp(min=LEAST), QT.T
