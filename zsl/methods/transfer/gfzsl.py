"""GFZSL: Gaussian classes whose parameters are regressed from class embeddings [Verma2017]."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_choice, require_positive
from zsl.methods.closed_form.moments import cholesky_solve, class_counts, class_sums, ridge_factor
from zsl.methods.closed_form.nearest import nearness
from zsl.methods.method import Dimensions, ZSLModel

FLOOR = 1e-6
"""added to variances, in the square of the features' unit: a feature may be constant"""


class GFZSL(ZSLModel):
    """F(x, y) = log N(x; μ(φ(y)), diag v(φ(y))) + d/2 log 2π

    Each seen class has a mean μ_y and variances v_y = (Σ_n (x_n - μ_y)² + κ v̄) / (n_y + κ), shrunk to the pooled v̄ by a
    prior that weighs as much as κ images. Kernel ridge regression carries both to any class:

        t(φ) = t̄ + k(φ, S) (K + λ s̄ I)⁻¹ (T - t̄),   K = k(S, S),   s̄ = mean K_yy

    for t = μ and, with a λ of its own, for t = log v; with a row t_y of T for each seen class, their mean as t̄, and the
    seen embeddings as S. k is φᵀφ′ (``"linear"``), (1 + φᵀφ′)² (``"quadratic"``), or exp(-‖φ - φ′‖² / δ) with δ the
    mean squared distance between seen embeddings (``"rbf"``). Seen classes are given regressed parameters as all others
    are: scores depend on φ(y), not on where y is from.

    The authors' program regresses to 0, not to t̄, by the quadratic kernel, and takes variances as they are. On CUB its
    λ for log v is so large that v = 1, whatever the features' unit; here a large one leaves the mean log variances.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        lamb: λ > 0 for the means.
        lamb_variance: λ > 0 for the log variances.
        kappa: κ > 0.
        kernel: ``"linear"``, ``"quadratic"`` or ``"rbf"``.

    Raises:
        InputError: a λ or κ is not a finite number greater than 0, or the kernel is unknown.
    """

    def __init__(
        self,
        dims: Dimensions,
        lamb: float = 0.1,
        lamb_variance: float = 0.1,
        kappa: float = 100.0,
        kernel: Literal["linear", "quadratic", "rbf"] = "rbf",
    ) -> None:
        super().__init__()
        require_positive(lamb=lamb, lamb_variance=lamb_variance, kappa=kappa)
        require_choice(kernel, "method.kernel", ("linear", "quadratic", "rbf"))
        self.lambs, self.kappa, self.kernel = (lamb, lamb_variance), kappa, kernel
        self.register_buffer("S", torch.zeros(dims.seen, dims.embedding))
        self.register_buffer("delta", torch.ones(()))
        self.register_buffer("t", torch.zeros(2 * dims.features))
        self.register_buffer("alpha", torch.zeros(dims.seen, 2 * dims.features))
        self.S: Tensor
        self.delta: Tensor
        self.t: Tensor
        self.alpha: Tensor

    @torch.no_grad()
    def finalize(self, train: TrainingSet) -> None:
        """Estimate the Gaussians of the seen classes, and solve for the regression."""
        x, y, S = train.examples.inputs, train.examples.labels, train.classes.embeddings
        n = class_counts(y, len(S)).unsqueeze(1)
        mu = class_sums(x, y, len(S)) / n
        scatter = class_sums(x, y, len(S), squared=True) - n * mu.square()
        v = (scatter + self.kappa * scatter.sum(dim=0) / n.sum()).clamp(min=0) / (n + self.kappa) + FLOOR
        T = torch.cat([mu, v.log()], dim=1)
        self.S.copy_(S)
        self.delta.copy_(FLOOR - nearness(S, S, "euclidean").mean())
        K = self.k(S.double())
        self.t.copy_(T.mean(dim=0))
        size = K.diag().mean()
        targets = zip((T - T.mean(dim=0)).chunk(2, dim=1), self.lambs, strict=True)
        alphas = [cholesky_solve(t, ridge_factor(K / size, lamb=lamb)) / size for t, lamb in targets]
        self.alpha.copy_(torch.cat(alphas, dim=1))

    def k(self, phi: Float[Tensor, "classes k"]) -> Float[Tensor, "classes s"]:
        """Return the kernel between any classes and the seen classes."""
        S = self.S.to(phi.dtype)
        if self.kernel == "linear":
            return phi @ S.T
        if self.kernel == "quadratic":
            return (1 + phi @ S.T).square()
        return (nearness(phi, S, "euclidean") / self.delta.to(phi.dtype)).exp()

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return log densities up to the constant, computed in float64, as large terms cancel."""
        mu, log_v = (self.t + self.k(classes.embeddings) @ self.alpha).double().chunk(2, dim=1)
        precision, X = (-log_v).exp(), x.double()
        quadratic = X.square() @ precision.T - 2 * X @ (mu * precision).T + (mu.square() * precision).sum(dim=1)
        return (-(quadratic + log_v.sum(dim=1)) / 2).to(x.dtype)
