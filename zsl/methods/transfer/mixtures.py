"""Embeddings as mixtures of others: least squares on the simplex, solved to rounding."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zsl.errors import InputError

STEPS, PIVOTS = 30, 10
"""of projected gradients; of the active-set method, at most, per seen class"""
GAP, TOLERABLE = 1e-12, 1e-6
"""of a mixture that counts as optimal, and of one that rounding keeps from it, relative to the largest curvature along
a single class"""


def mixtures(phi: Float[Tensor, "classes k"], S: Float[Tensor, "s k"], gamma: float) -> Float[Tensor, "classes s"]:
    """Return argmin_{z ≥ 0, Σz = 1} ½‖φ - Sᵀz‖² + γ/2 ‖z‖² for every row φ by itself, in float64.

    Projected gradients come near, for all rows at once; an active-set method ends at the optimum itself. As Σz = 1,
    embeddings count from their seen mean.

    Raises:
        InputError: a γ so small that rounding keeps an optimum from being found.
    """
    centre = S.double().mean(dim=0)
    A = S.double() - centre
    G = A @ A.T
    G.diagonal().add_(gamma)
    C = (phi.double() - centre) @ A.T
    too_small = InputError(f"method.gamma={gamma}: too small to mix these class embeddings; give a larger one")
    try:
        Z = torch.stack([_optimum(z, G, c) for z, c in zip(_near_optima(G, C, gamma), C, strict=True)])
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise too_small from error
    if (_gaps(Z, G, C) > TOLERABLE * G.diagonal().max()).any():
        raise too_small
    return Z.to(phi.dtype)


def _gaps(Z: Float[Tensor, "classes s"], G: Float[Tensor, "s s"], C: Float[Tensor, "classes s"]) -> Tensor:
    """Return the Frank-Wolfe gap of every row, an upper bound on its distance from the minimum."""
    gradient = Z @ G - C
    return (Z * gradient).sum(dim=1) - gradient.amin(dim=1)


def _near_optima(G: Float[Tensor, "s s"], C: Float[Tensor, "classes s"], gamma: float) -> Float[Tensor, "classes s"]:
    """Make steps of Nesterov's method for curvatures between γ and the largest, projected on the simplex."""
    L = torch.linalg.eigvalsh(G)[-1]
    q = (gamma / L).sqrt()
    Y = Z = torch.full_like(C, 1 / len(G))
    for _ in range(STEPS):
        before, Z = Z, _projected(Y - (Y @ G - C) / L)
        Y = Z + (1 - q) / (1 + q) * (Z - before)
    return Z


def _projected(U: Float[Tensor, "classes s"]) -> Float[Tensor, "classes s"]:
    """Return the nearest point of the simplex to every row: [u - τ]₊, with τ such that the sum is 1."""
    high = U.sort(dim=1, descending=True).values
    taus = (high.cumsum(dim=1) - 1) / torch.arange(1, U.shape[1] + 1, dtype=U.dtype, device=U.device)
    size = (high > taus).sum(dim=1, keepdim=True)
    return (U - taus.gather(1, size - 1)).clamp(min=0)


def _optimum(z: Float[Tensor, " s"], G: Float[Tensor, "s s"], c: Float[Tensor, " s"]) -> Float[Tensor, " s"]:
    """Return argmin_{z ≥ 0, Σz = 1} ½zᵀGz - cᵀz by an active-set method that starts at a z of the simplex.

    Classes whose share falls to 0 on the way to the optimum on the support leave it; from there the class of the
    steepest descent enters, until the Frank-Wolfe gap vanishes to rounding, or the pivots are used up.
    """
    support = z > 0
    for _ in range(PIVOTS * len(c)):
        best = _on_support(support, G, c)
        if (best >= 0).all():
            z, gradient = best, G @ best - c
            if z @ gradient - gradient.min() <= GAP * G.diagonal().max():
                break
            support[gradient.argmin()] = True
        else:
            reach = torch.where(best < 0, z / (z - best), math.inf)
            z = z + reach.min() * (best - z)
            support &= reach > reach.min()
            z = z * support
    return z


def _on_support(support: Bool[Tensor, " s"], G: Float[Tensor, "s s"], c: Float[Tensor, " s"]) -> Float[Tensor, " s"]:
    """Return argmin ½zᵀGz - cᵀz with Σz = 1 and z = 0 off the support, of either sign on it."""
    rows = support.nonzero().squeeze(1)
    right = torch.stack([c[rows], torch.ones_like(c[rows])], dim=1)
    u, t = torch.linalg.solve(G[rows][:, rows], right).unbind(dim=1)
    return torch.zeros_like(c).index_copy(0, rows, u - (u.sum() - 1) / t.sum() * t)
