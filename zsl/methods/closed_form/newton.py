"""Newton's method for penalised linear models, by conjugate gradients in a trust region [Steihaug1983, Nocedal1998]."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zsl.methods.closed_form.moments import eigenpairs

TOLERANCE = 0.01
"""of z, in the unit of z: nats for a softmax or logistic loss"""
STEPS, PRODUCTS, HALVINGS = 300, 1000, 40
"""Newton steps at most; in one of them, products with the Hessian at most, and halvings of the step at most"""
EPSILON = torch.finfo(torch.float64).eps
VANISHING = 1e-12
"""share of its value at W = 0, b = 0 below which f is taken for 0: it has no minimum where all labels are the same"""
FLAT = 1e-8
"""share of the bound on ∂²ℓ/∂z² that c_m is taken for where it is less, as where no image is within the margin"""
log = logging.getLogger(__name__)


class Derivatives(NamedTuple):
    """Derivatives of ℓ at Z."""

    gradient: Float[Tensor, "n m"]
    curvature: Float[Tensor, " m"]
    """c_m, the mean over images of ∂²ℓ/∂z_nm²"""
    product: Callable[[Tensor], Tensor]
    """A ↦ ∇²ℓ(Z) A, in the precision of A"""


class Loss(Protocol):
    """A convex ℓ(Z), summed over images."""

    separable: bool
    """whether ℓ is a sum over the columns of Z, so that each column is a problem of its own"""
    smooth: bool
    """whether ∂²ℓ/∂z² is continuous"""

    def value(self, Z: Float[Tensor, "n m"]) -> Tensor:
        """Return ℓ: a scalar, or one number for each column where the columns are separable."""

    def derivatives(self, Z: Float[Tensor, "n m"]) -> Derivatives:
        """Return gradient and Hessian at Z."""

    def take(self, columns: Int[Tensor, " c"]) -> Self:
        """Return the loss of these columns alone; they must be separable."""


def minimise(
    x: Float[Tensor, "n d"], loss: Loss, outputs: int, lamb: float, bound: float, tolerance: float = TOLERANCE
) -> tuple[Float[Tensor, "d m"], Float[Tensor, " m"]]:
    """Minimise f(W, b) = ℓ(Z) + λ/2 ‖W‖² over W and b,   Z = XW + 1bᵀ,   in float64.

    Each Newton step is solved by conjugate gradients within a trust region, until the residual is a share of the
    gradient that falls with the gradient, and halved until it decreases f: the convergence is superlinear. A product
    with the Hessian costs O(ndm). In the coordinates of the principal axes of the centred features, XᵀX = Q diag(s) Qᵀ,
    the Hessian would be diagonal, c_m s + λ for output m, if ∂²ℓ/∂z² were c_m at every image: with c_m the mean over
    the images, that diagonal is the preconditioner of every step. Where ∂²ℓ/∂z² jumps, as that of the squared hinge,
    steps are solved to a hundredth and no trust region holds them. Products with the Hessian are in float32, all else
    in float64; where that holds up the convergence, products are in float64, too.

    The bias is not penalised. Stops where r ‖∇_W f‖ / λ + max_m |∂f/∂b_m| / (n c_m) ≤ tolerance, with r the largest
    distance of a training image from the mean. As f is λ-strongly convex in W, no z of an image within r of the mean is
    then farther from its value at the minimum, apart from second-order terms of the bias. The bound is not tight: at
    the default of 0.01 errors below 1e-4 are measured. The columns of a separable ℓ stop one by one. Stops also where
    the decrease that a step promises is lost in the rounding of f.

    Args:
        x: the features, without a column of ones.
        loss: ℓ.
        outputs: m, the number of columns of Z.
        lamb: λ > 0.
        bound: c with ∂²ℓ/∂z² ≤ c, for the scale of the coordinates.
        tolerance: of z, in its unit.
    """
    space = _Space.of(x, lamb, bound)
    solution = space.R.new_zeros(space.R.shape[1], outputs)
    left = torch.arange(outputs, device=x.device)
    search = _Search(space, loss, torch.zeros_like(solution))
    for _ in range(STEPS):
        solution[:, left] = search.V
        done = search.stalled | (search.distance() <= tolerance)
        if done.all():
            return space.weights(solution)
        if done.any():
            keep = (~done).nonzero().squeeze(1)
            left, search = left[keep], search.take(keep)
        search.step(tolerance)
    log.warning("%d Newton steps did not reach the minimum of a linear classifier with λ = %g", STEPS, lamb)
    return space.weights(solution)


@dataclass(frozen=True)
class _Space:
    """Coordinates V of (W; bᵀ) in which z = RV, along the principal axes of the centred features.

    scale² is the diagonal c s + λ of an upper bound on the Hessian, and c n for the bias; f = ℓ(RV) + ½ Σ penalty V².
    """

    R: Float[Tensor, "n d+1"]
    penalty: Float[Tensor, "d+1 1"]
    scale: Float[Tensor, "d+1 1"]
    axes: Float[Tensor, "d d"]
    mean: Float[Tensor, " d"]
    reach: float
    """r"""
    lamb: float
    bound: float

    @classmethod
    def of(cls, x: Float[Tensor, "n d"], lamb: float, bound: float) -> _Space:
        x = x.double()
        mean = x.mean(dim=0)
        x = x - mean
        spread, axes = eigenpairs(x.T @ x)
        squares = torch.cat([bound * spread.clamp(min=0) + lamb, spread.new_tensor([bound * len(x)])]).unsqueeze(1)
        penalty, scale = lamb / squares, squares.sqrt()
        penalty[-1] = 0
        R = torch.cat([x @ axes, x.new_ones(len(x), 1)], dim=1) / scale.T
        return cls(R, penalty, scale, axes, mean, x.norm(dim=1).max().item(), lamb, bound)

    def weights(self, V: Float[Tensor, "d+1 m"]) -> tuple[Float[Tensor, "d m"], Float[Tensor, " m"]]:
        U = V / self.scale
        W = self.axes @ U[:-1]
        return W, U[-1] - self.mean @ W


class _Search:
    """State of the search; scalars of a problem have no dimension, or length m where each column is a problem."""

    def __init__(self, space: _Space, loss: Loss, V: Float[Tensor, "d+1 m"]) -> None:
        self.space, self.loss, self.V = space, loss, V
        self.factor = space.R.float()
        self.Z = space.R @ V
        self.f = self.start = self._value(V, self.Z)
        self._differentiate()
        self.first = self._steepness()
        self.radius = self.first if loss.smooth else torch.full_like(self.first, torch.inf)
        self.stalled = torch.zeros_like(self.f, dtype=torch.bool)

    def take(self, columns: Int[Tensor, " c"]) -> _Search:
        """Return the search in these columns, in the same state."""
        some = _Search.__new__(_Search)
        some.space, some.factor, some.loss = self.space, self.factor, self.loss.take(columns)
        for name in ("V", "Z", "f", "start", "first", "radius", "stalled"):
            setattr(some, name, getattr(self, name)[..., columns])
        some._differentiate()
        return some

    def distance(self) -> Tensor:
        """Return the bound on the error of z."""
        of_W = self._inner(self.g[:-1] * self.space.scale[:-1], self.g[:-1] * self.space.scale[:-1]).sqrt()
        of_b = (self.g[-1] * self.space.scale[-1]).abs() / (len(self.Z) * self.curvature)
        return of_W * self.space.reach / self.space.lamb + (of_b if self.loss.separable else of_b.max())

    def step(self, tolerance: float) -> None:
        """Make one Newton step, halved until f decreases; the trust region shrinks to the length of the halved step."""
        before = self._steepness()
        most = 0.5 if self.loss.smooth else 0.01
        share = torch.maximum((before / self.first).sqrt(), 0.3 * tolerance / self.distance()).clamp(max=most)
        S, HS, hit = self._conjugate_gradients(share)
        slope = self._inner(self.g, S)
        promised = -(slope + 0.5 * self._inner(S, HS))
        rounding = 10 * EPSILON * self.f.abs()
        RS = self.space.R @ S
        t = torch.ones_like(self.f)
        f = whole = self._value(self.V + S, self.Z + RS)
        for _ in range(HALVINGS):
            bad = ~(f <= self.f + 1e-4 * t * slope + rounding)
            if not bad.any():
                break
            t = torch.where(bad, 0.5 * t, t)
            f = self._value(self.V + t * S, self.Z + t * RS)
        ratio = (self.f - whole + rounding) / (promised + rounding)
        if self.loss.smooth:
            self.radius = torch.where(t < 1, t * self._inner(S, S / self.M).sqrt(), self.radius)
            self.radius = torch.where((ratio > 0.75) & hit, 3 * self.radius, self.radius)
        self.stalled = (promised <= rounding) | (self.f <= VANISHING * self.start)
        self.V, self.Z, self.f = self.V + t * S, self.Z + t * RS, f
        self._differentiate()
        inexact = ((ratio - 1).abs() < 0.01) & ~hit & (self._steepness() > 3 * share.clamp(min=0.1) * before)
        if inexact.any():
            self.factor = self.space.R

    def _conjugate_gradients(self, share: Tensor) -> tuple[Tensor, Tensor, Bool[Tensor, "..."]]:
        """Return the step S, HS, and whether S ends at the border of the trust region, ‖S‖ ≤ radius in norm M⁻¹."""
        S, HS, r = torch.zeros_like(self.g), torch.zeros_like(self.g), -self.g
        z = self.M * r
        p, rz = z, self._inner(r, z)
        goal, hit, going = share.square() * rz, torch.zeros_like(self.stalled), rz > 0
        for _ in range(PRODUCTS):
            Hp = self._times_hessian(p)
            curvature = self._inner(p, Hp)
            going &= curvature > 0
            a = torch.where(going, rz / curvature, 0)
            square, cross, base = (self._inner(u, v / self.M) for u, v in ((p, p), (S, p), (S, S)))
            over = going & (base + a * (2 * cross + a * square) > self.radius.square())
            room = (self.radius.square() - base).clamp(min=0)
            a = torch.where(over, room / (cross + (cross.square() + square * room).sqrt()), a)
            S, HS, r = S + a * p, HS + a * Hp, r - a * Hp
            hit |= over
            z = self.M * r
            now = self._inner(r, z)
            going &= ~over & (now > goal)
            if not going.any():
                break
            p, rz = torch.where(going, z + (now / rz) * p, 0), now
        return S, HS, hit

    def _differentiate(self) -> None:
        gradient, curvature, self.product = self.loss.derivatives(self.Z)
        self.curvature = curvature.clamp(min=FLAT * self.space.bound)
        self.g = self.space.R.T @ gradient + self.space.penalty * self.V
        data = 1 - self.space.penalty  # c s / (c s + λ)
        self.M = 1 / (self.curvature / self.space.bound * data + self.space.penalty)

    def _steepness(self) -> Tensor:
        """Return the length of the gradient in the norm of M."""
        return self._inner(self.g, self.M * self.g).sqrt()

    def _times_hessian(self, p: Tensor) -> Tensor:
        R = self.factor
        return (R.T @ self.product(R @ p.to(R.dtype))).double() + self.space.penalty * p

    def _value(self, V: Tensor, Z: Tensor) -> Tensor:
        return self.loss.value(Z) + 0.5 * self._inner(V, self.space.penalty * V)

    def _inner(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(dim=0 if self.loss.separable else (0, 1))
