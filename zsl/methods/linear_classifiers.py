"""Linear classifiers that methods contain: softmax, logistic and squared hinge, all outputs fitted at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, pad, softplus
from torch.optim import LBFGS

Linear = tuple[Float[Tensor, "d m"], Float[Tensor, " m"]]
"""W and b of z = xᵀW + b, in float64"""


def softmax(
    x: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int, lamb: float, tolerance: float = 1e-4
) -> Linear:
    """Multinomial logistic regression: Σ_n -log softmax(z_n)[y_n] + λ/2 ‖W‖²."""
    return minimise(x, lambda z: cross_entropy(z, labels, reduction="sum"), classes, lamb, 0.5, tolerance)


def logistic(x: Float[Tensor, "n d"], targets: Float[Tensor, "n m"], lamb: float, tolerance: float = 1e-4) -> Linear:
    """m logistic regressions: Σ_n log(1 + exp z) - t z + λ/2 ‖W‖², with targets t in [0, 1]."""
    return minimise(x, lambda z: (softplus(z) - targets * z).sum(), targets.shape[1], lamb, 0.25, tolerance)


def squared_hinge(
    x: Float[Tensor, "n d"], targets: Float[Tensor, "n m"], lamb: float, tolerance: float = 1e-4
) -> Linear:
    """m linear support vector machines: Σ_n [1 - (2t - 1) z]₊² + λ/2 ‖W‖², with targets t of 0 or 1."""
    signs = 2 * targets - 1
    return minimise(x, lambda z: (1 - signs * z).clamp(min=0).square().sum(), targets.shape[1], lamb, 2.0, tolerance)


def platt(z: Float[Tensor, "n m"], targets: Float[Tensor, "n m"]) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """α and β per column, so that σ(αz + β) is the probability of a target of 1 [Platt1999].

    The logistic loss against targets softened to (n₊ + 1)/(n₊ + 2) and 1/(n₋ + 2), which is strictly convex and has its
    minimum at finite α and β even where the classes are separable. Newton's method, steps halved until they descend.
    """
    positive = targets.sum(dim=0)
    negative = len(z) - positive
    t = torch.where(targets > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))
    Z = torch.stack([z, torch.ones_like(z)], dim=2)
    w = torch.stack([torch.zeros_like(positive), ((positive + 1) / (negative + 1)).log()], dim=1)
    ridge = 1e-10 * torch.eye(2, dtype=z.dtype, device=z.device)

    def loss(w: Float[Tensor, "m 2"]) -> Float[Tensor, " m"]:
        u = (Z * w).sum(dim=2)
        return (softplus(u) - t * u).sum(dim=0)

    for _ in range(50):
        p = (Z * w).sum(dim=2).sigmoid()
        gradient = torch.einsum("nmi,nm->mi", Z, p - t)
        hessian = torch.einsum("nmi,nm,nmj->mij", Z, p * (1 - p), Z) + ridge
        step = torch.linalg.solve(hessian, gradient)
        now = loss(w)
        for _ in range(30):
            climbs = loss(w - step) > now
            if not climbs.any():
                break
            step[climbs] /= 2
        w = w - step
    return w[:, 0], w[:, 1]


def minimise(
    x: Float[Tensor, "n d"],
    loss: Callable[[Float[Tensor, "n m"]], Float[Tensor, ""]],
    outputs: int,
    lamb: float,
    curvature: float,
    tolerance: float = 1e-4,
) -> Linear:
    """argmin over W, b of  ℓ(Z) + λ/2 ‖W‖²,   Z = XW + 1bᵀ

    for a convex ℓ with ∇²ℓ ≤ c I. The Hessian is then at most A ⊗ I with A = c X̃ᵀX̃ + λ diag(1, …, 1, 0) and
    X̃ = (X, 1) [Boehning1992]. In the coordinates V = Lᵀ(W; bᵀ), A = LLᵀ, the penalty is ½‖V‖² - c/2 ‖Z‖² and no
    curvature exceeds 1: L-BFGS needs tens of steps of O(ndm), whatever the scale and correlation of the features.

    Args:
        x: the features, without a column of ones.
        loss: ℓ, summed over images and outputs.
        outputs: m, the number of columns of Z.
        lamb: λ > 0; the bias is not penalised.
        curvature: c.
        tolerance: stop where no entry of the gradient in V exceeds this share of √n.
    """
    X = pad(x.double(), (0, 1), value=1.0)
    penalty = torch.full((X.shape[1],), lamb, dtype=X.dtype, device=X.device)
    penalty[-1] = 0
    L = torch.linalg.cholesky(curvature * X.T @ X + penalty.diag())
    X = torch.linalg.solve_triangular(L.T, X, upper=True, left=False)
    V = X.new_zeros(X.shape[1], outputs, requires_grad=True)
    steps = LBFGS(
        [V],
        max_iter=500,
        history_size=20,
        tolerance_grad=tolerance * len(X) ** 0.5,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        steps.zero_grad()
        Z = X @ V
        value: Tensor = loss(Z) - curvature / 2 * Z.square().sum() + V.square().sum() / 2
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        steps.step(objective)  # type: ignore[no-untyped-call]
    weights = torch.linalg.solve_triangular(L.T, V.detach(), upper=True)
    return weights[:-1], weights[-1]
