"""Linear classifiers that methods contain: softmax, logistic and squared hinge, all outputs fitted at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from zsl.methods.closed_form.moments import Features
from zsl.methods.closed_form.newton import TOLERANCE, minimise
from zsl.methods.closed_form.principal_coordinates import Derivatives, Hessian

Linear = tuple[Float[Tensor, "d m"], Float[Tensor, " m"]]
"""W and b of z = xᵀW + b, in float64"""


def softmax(x: Features, labels: Int[Tensor, " n"], classes: int, lamb: float, tolerance: float = TOLERANCE) -> Linear:
    """Minimise the multinomial logistic loss Σ_n -log softmax(z_n)[y_n] + λ/2 ‖W‖².

    Every z is within ``tolerance``, in nats, of its value at the minimum, as :func:`.minimise` bounds it.
    """
    return minimise(x, Softmax(labels, classes), classes, lamb, 0.25, tolerance)


def logistic(x: Features, targets: Float[Tensor, "n m"], lamb: float, tolerance: float = TOLERANCE) -> Linear:
    """Minimise m logistic losses Σ_n log(1 + exp z) - t z + λ/2 ‖w‖², with targets t in [0, 1].

    Every z is within ``tolerance``, in nats, of its value at the minimum, as :func:`.minimise` bounds it.
    """
    return minimise(x, Logistic(targets.double()), targets.shape[1], lamb, 0.25, tolerance)


def squared_hinge(x: Features, targets: Float[Tensor, "n m"], lamb: float, tolerance: float = TOLERANCE) -> Linear:
    """Minimise the losses of m linear support vector machines, Σ_n [1 - (2t - 1) z]₊² + λ/2 ‖w‖², with t of 0 or 1.

    Every z is within ``tolerance`` margins of its value at the minimum, as :func:`.minimise` bounds it.
    """
    return minimise(x, SquaredHinge(2 * targets.double() - 1), targets.shape[1], lamb, 2.0, tolerance)


@dataclass(frozen=True)
class Softmax:
    """Σ_n -log softmax(z_n)[y_n], with the Hessian diag(p) - ppᵀ of every image."""

    labels: Int[Tensor, " n"]
    classes: int
    separable = False
    smooth = True

    def of(self, rows: slice) -> Softmax:
        """Return the loss of these images."""
        return Softmax(self.labels[rows], self.classes)

    def value(self, Z: Float[Tensor, "n m"]) -> Float[Tensor, ""]:
        """Return ℓ, a scalar."""
        return cross_entropy(Z, self.labels, reduction="sum")

    def derivatives(self, Z: Float[Tensor, "n m"]) -> Derivatives:
        """Return ∂ℓ/∂z = p - y,   ∂²ℓ/∂z² = p (1 - p)."""
        p = Z.softmax(dim=1)
        gradient = p.scatter_add(1, self.labels.unsqueeze(1), p.new_full((len(p), 1), -1))
        return Derivatives(gradient, (p * (1 - p)).mean(dim=0).double())

    def hessian(self, Z: Float[Tensor, "n m"]) -> Hessian:
        """Return A ↦ p ⊙ (a - pᵀa) of every image."""
        double = Z.softmax(dim=1)
        single = double.float()

        def product(A: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
            P = single if A.dtype is torch.float32 else double
            return A.sub_(torch.linalg.vecdot(P, A).unsqueeze(1)).mul_(P)

        return product

    def take(self, columns: Int[Tensor, " c"]) -> Softmax:
        """Raise TypeError: the columns of a softmax are not separable."""
        raise TypeError(f"the columns of a softmax are one problem; {len(columns)} of them are none")


@dataclass(frozen=True)
class Logistic:
    """Σ_n log(1 + exp z) - t z for every column."""

    targets: Float[Tensor, "n m"]
    separable = True
    smooth = True

    def of(self, rows: slice) -> Logistic:
        """Return the loss of these images."""
        return Logistic(self.targets[rows])

    def value(self, Z: Float[Tensor, "n m"]) -> Float[Tensor, " m"]:
        """Return ℓ of every column."""
        return (softplus(Z) - self.targets * Z).sum(dim=0)

    def derivatives(self, Z: Float[Tensor, "n m"]) -> Derivatives:
        """Return ∂ℓ/∂z = σ(z) - t,   ∂²ℓ/∂z² = σ(z) σ(-z)."""
        p = Z.sigmoid()
        return Derivatives(p - self.targets, (p * (-Z).sigmoid()).mean(dim=0, dtype=torch.float64))

    def hessian(self, Z: Float[Tensor, "n m"]) -> Hessian:
        """Return A ↦ σ(z) σ(-z) a."""
        return _diagonal(Z.sigmoid() * (-Z).sigmoid())

    def take(self, columns: Int[Tensor, " c"]) -> Logistic:
        """Return the loss of these columns."""
        return Logistic(self.targets[:, columns])


@dataclass(frozen=True)
class SquaredHinge:
    """Σ_n [1 - sz]₊² for every column, with signs s = ±1."""

    signs: Float[Tensor, "n m"]
    separable = True
    smooth = False

    def of(self, rows: slice) -> SquaredHinge:
        """Return the loss of these images."""
        return SquaredHinge(self.signs[rows])

    def value(self, Z: Float[Tensor, "n m"]) -> Float[Tensor, " m"]:
        """Return ℓ of every column."""
        return (1 - self.signs * Z).clamp(min=0).square().sum(dim=0)

    def derivatives(self, Z: Float[Tensor, "n m"]) -> Derivatives:
        """Return ∂ℓ/∂z = -2s [1 - sz]₊,   ∂²ℓ/∂z² = 2 within the margin and 0 beyond the margin."""
        within = 1 - self.signs * Z
        return Derivatives(-2 * self.signs * within.clamp(min=0), 2 * (within > 0).double().mean(dim=0))

    def hessian(self, Z: Float[Tensor, "n m"]) -> Hessian:
        """Return A ↦ 2a within the margin and 0 beyond the margin."""
        return _diagonal((2 * (self.signs * Z < 1)).to(Z.dtype))

    def take(self, columns: Int[Tensor, " c"]) -> SquaredHinge:
        """Return the loss of these columns."""
        return SquaredHinge(self.signs[:, columns])


def _diagonal(curvature: Float[Tensor, "n m"]) -> Hessian:
    """Return the product with a diagonal Hessian."""
    single = curvature.float()
    return lambda A: A.mul_(single if A.dtype is torch.float32 else curvature)


def platt(z: Float[Tensor, "n m"], targets: Float[Tensor, "n m"]) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Return α and β per column, so that σ(αz + β) is the probability of a target of 1 [Platt1999].

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
