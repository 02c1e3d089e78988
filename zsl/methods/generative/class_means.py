"""Means of classes by empirical Bayes: what descriptions foretell of them, and what their own images tell besides."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.methods.closed_form.moments import Features, class_counts

LAMBDAS = torch.logspace(-4, 3, 29, dtype=torch.float64)
"""λ that are tried, in mean squared singular values of the descriptions"""
LEAST = 0.1
"""least weight of an axis"""
ROUNDING = 1e-9
"""part of the largest deviation of what is foretold up to which another one is rounding"""
FEWEST = 3
"""classes from which on means have a share of noise"""
MANY = 20
"""images a feature from which on what is fitted to them is as good as fitted to others: to a 20th"""


def leave_one_out(
    P: Float[Tensor, "s k"], M: Float[Tensor, "s d"]
) -> tuple[Float[Tensor, "k d"], Float[Tensor, "s d"]]:
    """Return the ridge regression of M on P, both centred, and each row of M less what all others foretell of it.

    The error of a row that was left out, of its mean too, is its residual over 1 - h, h its leverage. λ is that of
    :data:`LAMBDAS` with the least mean square of these errors.
    """
    U, sigma, VT = torch.linalg.svd(P, full_matrices=False)
    squares, size = sigma.square(), sigma.square().mean()
    UTM, best = U.T @ M, math.inf
    for lamb in LAMBDAS.to(size) * torch.where(size > 0, size, 1.0):
        share = squares / (squares + lamb)
        left = (1 - 1 / len(P) - U.square() @ share).clamp(min=1e-9)
        errors = (M - (U * share) @ UTM) / left.unsqueeze(1)
        error = float(errors.square().mean())
        if error < best:
            best, found = error, (VT.T * (sigma / (squares + lamb)) @ UTM, errors)
    return found


class Regression(NamedTuple):
    """φ ↦ centre + V Rᵀ (φ - φ̄), what descriptions foretell of the means of classes."""

    centre: Float[Tensor, " d"]
    phi_mean: Float[Tensor, " k"]
    R: Float[Tensor, "k r"]
    V: Float[Tensor, "d r"]
    """orthonormal, in descending order of the variances that classes have along them"""


def regression(M: Float[Tensor, "s d"], phi: Float[Tensor, "s k"]) -> Regression:
    """Return the ridge regression of class means on descriptions, λ by leaving one class out."""
    centre, phi_mean = M.mean(dim=0), phi.mean(dim=0)
    B, _ = leave_one_out(phi - phi_mean, M - centre)
    _, sigma, VT = torch.linalg.svd((phi - phi_mean) @ B, full_matrices=False)
    V = VT[sigma > ROUNDING * sigma[0]].T
    return Regression(centre, phi_mean, B @ V, V)


def expected_means(
    M: Float[Tensor, "s d"], phi: Float[Tensor, "s k"], noise: Float[Tensor, " s"]
) -> Float[Tensor, "s d"]:
    """Return what images and descriptions together tell of the expectation of each class.

    m_y = m₋(φ_y) + K_y (x̄_y - m₋(φ_y)),   K_y = D / (D + v_y),   D = [E (x̄ - m₋)² - E v]₊

    with m₋ the ridge regression on descriptions that leaves this class out, v_y the variance of a feature of x̄_y, and D
    that of what descriptions do not foretell, the same for all features.

    Args:
        M: x̄, centred.
        phi: φ.
        noise: v.
    """
    _, errors = leave_one_out(phi - phi.mean(dim=0), M)
    D = (errors.square().mean() - noise.mean()).clamp(min=0)
    return M - errors + (D / (D + noise)).unsqueeze(1) * errors


class Told(NamedTuple):
    """How to look at classes that noise draws together."""

    moves: Float[Tensor, "s d"]
    """by how much images of each class are moved, after C"""
    C: Float[Tensor, "d d"]
    """symmetric: what classes hardly differ in counts less"""
    inverse: Float[Tensor, "d d"]


def left_out_variance(
    x: Features,
    labels: Int[Tensor, " n"],
    means: Float[Tensor, "s d"],
    scatter: Float[Tensor, "d d"],
    A: Float[Tensor, "d d"],
    weight: float | Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Return the variance v of a feature of (x - x̄_y) A within classes whose images A is not fitted to.

    v = Σ_y tr(Q_y (I - wQ_y)⁻¹) / (n - s)d,   Q_y = R_y AAᵀ R_yᵀ,   (AAᵀ)⁻¹ = w Σ_y R_yᵀR_y + anything else

    with R_y the images of class y less their mean, n images and s classes that have some. It is the leave-one-out
    identity of Woodbury: without class y, AAᵀ is ((AAᵀ)⁻¹ - w R_yᵀR_y)⁻¹. Of its own images A makes less, the more so
    the fewer images there are: half as much, or a tenth, where they are fewer than features. From 20 images a feature
    on that is about a 20th, and v is that of all images. It is 0 where no class has two images.

    Args:
        x: images.
        labels: their classes.
        means: x̄.
        scatter: Σ_y R_yᵀR_y.
        A: n × d features are multiplied by it.
        weight: w.
    """
    counts = class_counts(labels, len(means))
    n, d = len(labels) - int((counts > 0).sum()), means.shape[1]
    if n >= MANY * d:
        return ((scatter @ A) * A).sum() / (n * d)
    total = means.new_zeros(())
    for of_class in torch.split(labels.argsort(stable=True), counts.long().tolist()):
        if len(of_class) > 1:
            R = (x[of_class].double() - means[labels[of_class[0]]]) @ A
            Q = R @ R.T if len(R) < d else R.T @ R
            eye = torch.eye(len(Q), dtype=Q.dtype, device=Q.device)
            total += torch.linalg.solve(eye - weight * Q, Q).trace()
    return total / max(n * d, 1)


def noise_share(M: Float[Tensor, "s d"], noise: Float[Tensor, " s"]) -> Float[Tensor, ""]:
    """Return ν, the part of the variance of class means that is noise of their images; 0 of fewer than three classes.

    Args:
        M: means of classes.
        noise: variance of a feature of each mean that is due to the choice of its images.
    """
    total = M.var(dim=0).sum() if len(M) >= FEWEST else M.new_zeros(())
    return torch.where(total > 0, M.shape[1] * noise.mean() / total, 0.0)


def told_apart(M: Float[Tensor, "s d"], phi: Float[Tensor, "s k"], noise: Float[Tensor, " s"]) -> Told:
    """Return how to look at classes whose means differ by noise more than by anything else.

    C = (V diag(max(√g, w)) Vᵀ + w (I - VVᵀ))ᵗ,   g_j = p_j / (p_j + τ),   w = max(0.1, (1 - ν)²),   t = max(0, 2ν - 1)

    with V the axes along which the expected means m_y vary, p their variances, ν that of :func:`noise_share`, and τ the
    variance that noise would have along each of as many axes as means can span. t is what noise has more than classes
    do of the variance of means: axes count alike where it does not have more.

    Args:
        M: means of classes, whitened.
        phi: their descriptions.
        noise: variance of a feature of each mean that is due to the choice of its images.
    """
    s, d = M.shape
    M = M - M.mean(dim=0)
    m = expected_means(M, phi, noise)
    _, sigma, VT = torch.linalg.svd(m - m.mean(dim=0), full_matrices=False)
    p, tau = sigma.square() / (s - 1), d * noise.mean() / min(s - 1, d)
    share = noise_share(M, noise).clamp(max=1)
    least = (1 - share).square().clamp(min=LEAST)
    weights, power = torch.maximum((p / (p + tau)).sqrt(), least), (2 * share - 1).clamp(min=0)
    weights, least = weights**power, least**power
    eye = torch.eye(d, dtype=M.dtype, device=M.device)
    C = least * eye + VT.T * (weights - least) @ VT
    return Told((m - M) @ C, C, eye / least + VT.T * (1 / weights - 1 / least) @ VT)
