"""Newton's method for penalised linear models, by conjugate gradients in a trust region [Steihaug1983, Nocedal1998]."""

from __future__ import annotations

import logging

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zsl.methods.closed_form.moments import Features
from zsl.methods.closed_form.principal_coordinates import Images, Loss, Space, in_coordinates

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


def minimise(
    x: Features, loss: Loss, outputs: int, lamb: float, bound: float, tolerance: float = TOLERANCE
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
    the default of 0.01 errors below 1e-4 are measured. The columns of a separable ℓ stop one by one. Stops
    also where the decrease that a step promises is lost in the rounding of f.

    Stored rows are read once for each value of f and for each product with the Hessian: Z, n × m, is not kept. Such
    products are in bfloat16 where the machine multiplies it faster, which changes steps and not the minimum. There it
    also stops where ½ gᵀMg, with M the preconditioner, is at most 1e-6 n: an estimate of f less its minimum. The root
    mean square error of z is then below 0.02 in what was measured.

    Args:
        x: the features, without a column of ones.
        loss: ℓ.
        outputs: m, the number of columns of Z.
        lamb: λ > 0.
        bound: c with ∂²ℓ/∂z² ≤ c, for the scale of the coordinates.
        tolerance: of z, in its unit.
    """
    images, space = in_coordinates(x, loss, lamb, bound)
    solution = space.penalty.new_zeros(len(space.penalty), outputs)
    left = torch.arange(outputs, device=x.device)
    search = _Search(space, images, torch.zeros_like(solution))
    for step in range(STEPS):
        solution[:, left] = search.V
        done = search.stalled | (search.distance() <= tolerance) | (search.gap() <= images.enough * images.n)
        if images.enough:  # of stored rows, many: a step takes minutes
            distance = search.gap().max() / images.n
            log.info("classifier: f - min f ≈ %.1e an image after %d steps, until %.0e", distance, step, images.enough)
        if done.all():
            return space.weights(solution)
        if done.any():
            keep = (~done).nonzero().squeeze(1)
            left, search = left[keep], search.take(keep)
        search.step(tolerance)
    log.warning("%d Newton steps did not reach the minimum of a linear classifier with λ = %g", STEPS, lamb)
    return space.weights(solution)


class _Search:
    """State of the search; scalars of a problem have no dimension, or length m where each column is a problem."""

    def __init__(self, space: Space, images: Images, V: Float[Tensor, "d+1 m"]) -> None:
        self.space, self.images, self.V = space, images, V
        self.f = self.start = self._with_penalty(images.start(V), V)
        self._differentiate()
        self.first = self._steepness()
        self.radius = self.first if images.loss.smooth else torch.full_like(self.first, torch.inf)
        self.stalled = torch.zeros_like(self.f, dtype=torch.bool)

    def take(self, columns: Int[Tensor, " c"]) -> _Search:
        """Return the search in these columns, in the same state."""
        some = _Search.__new__(_Search)
        some.space, some.images = self.space, self.images.take(columns)
        for name in ("V", "f", "start", "first", "radius", "stalled"):
            setattr(some, name, getattr(self, name)[..., columns])
        some._differentiate()
        return some

    def distance(self) -> Tensor:
        """Return the bound on the error of z."""
        of_W = self._inner(self.g[:-1] * self.space.scale[:-1], self.g[:-1] * self.space.scale[:-1]).sqrt()
        of_b = (self.g[-1] * self.space.scale[-1]).abs() / (self.images.n * self.curvature)
        return of_W * self.space.reach / self.space.lamb + (of_b if self.images.loss.separable else of_b.max())

    def gap(self) -> Tensor:
        """Return an estimate of f less its minimum, ½ gᵀMg."""
        return self._steepness().square() / 2

    def step(self, tolerance: float) -> None:
        """Make one Newton step, halved until f decreases; the trust region shrinks to the length of the halved step."""
        before = self._steepness()
        most = 0.5 if self.images.loss.smooth else 0.01
        share = torch.maximum((before / self.first).sqrt(), 0.3 * tolerance / self.distance())
        share = share.clamp(min=self.images.blur).clamp(max=most)
        S, HS, hit = self._conjugate_gradients(share)
        slope = self._inner(self.g, S)
        promised = -(slope + 0.5 * self._inner(S, HS))
        rounding = 10 * EPSILON * self.f.abs()
        value = self.images.along(S)
        t = torch.ones_like(self.f)
        f = whole = self._with_penalty(value(t), self.V + t * S)
        for _ in range(HALVINGS):
            bad = ~(f <= self.f + 1e-4 * t * slope + rounding)
            if not bad.any():
                break
            t = torch.where(bad, 0.5 * t, t)
            f = self._with_penalty(value(t), self.V + t * S)
        ratio = (self.f - whole + rounding) / (promised + rounding)
        if self.images.loss.smooth:
            self.radius = torch.where(t < 1, t * self._inner(S, S / self.M).sqrt(), self.radius)
            self.radius = torch.where((ratio > 0.75) & hit, 3 * self.radius, self.radius)
        self.stalled = (promised <= rounding) | (self.f <= VANISHING * self.start)
        self.V, self.f = self.V + t * S, f
        self.images.go(t)
        self._differentiate()
        inexact = ((ratio - 1).abs() < 0.01) & ~hit & (self._steepness() > 3 * share.clamp(min=0.1) * before)
        if inexact.any():
            self.images.exactly()

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
        gradient, curvature = self.images.derivatives()
        self.curvature = curvature.clamp(min=FLAT * self.space.bound)
        self.g = gradient + self.space.penalty * self.V
        data = 1 - self.space.penalty  # c s / (c s + λ)
        self.M = 1 / (self.curvature / self.space.bound * data + self.space.penalty)

    def _steepness(self) -> Tensor:
        """Return the length of the gradient in the norm of M."""
        return self._inner(self.g, self.M * self.g).sqrt()

    def _times_hessian(self, p: Tensor) -> Tensor:
        return self.images.times(p) + self.space.penalty * p

    def _with_penalty(self, value: Tensor, V: Tensor) -> Tensor:
        return value + 0.5 * self._inner(V, self.space.penalty * V)

    def _inner(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(dim=0 if self.images.loss.separable else (0, 1))
