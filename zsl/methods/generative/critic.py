"""The critic of a Wasserstein GAN, its objective, and its gradient penalty [Arjovsky2017, Gulrajani2017]."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear

from zsl.methods.generative.networks import SLOPE, mlp
from zsl.methods.generative.prepared import hold_phi_scale


class CriticLosses(NamedTuple):
    """The two parts of the loss of a critic step, ``distance + λ penalty``."""

    distance: Float[Tensor, ""]
    """E D(x̃, φ) - E D(x, φ): minus the estimate of the Wasserstein distance"""
    penalty: Float[Tensor, ""]
    """E (‖∇D(x̂, φ)‖₂ - 1)²"""


class ShallowCritic(nn.Module):
    """D(x, φ) = wᵀλ(h),   h = Ax + cBφ + b,   λ(h) = max(h, slope · h)

    Its gradient by x is Aᵀ(w ⊙ λ'(h)), so that the penalty on it needs no second differentiation of a graph: λ' is
    constant almost everywhere. And as h is affine in x, at x̂ = αx + (1 - α)x̃ it is αh(x) + (1 - α)h(x̃), which is there
    already. (A constant added to D changes nothing, so D has none.)

    Args:
        features: d.
        embedding: k; 0 for an unconditional critic.
        hidden: length of h.
        slope: of λ below 0.
        phi_scale: c, or None if the training set gives it.
    """

    phi_scale: float | Tensor

    def __init__(
        self, features: int, embedding: int, hidden: int, slope: float = SLOPE, phi_scale: float | None = 1.0
    ) -> None:
        super().__init__()
        self.slope = slope
        hold_phi_scale(self, phi_scale)
        self.A = nn.Parameter(0.02 * torch.randn(hidden, features))
        self.B = nn.Parameter(0.02 * torch.randn(hidden, embedding))
        self.b = nn.Parameter(torch.zeros(hidden))
        self.w = nn.Parameter(0.02 * torch.randn(hidden))

    def forward(self, x: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Float[Tensor, "n"]:
        """Return D(x, φ)."""
        return leaky_relu(x @ self.A.T + linear(self.phi_scale * phi, self.B, self.b), self.slope) @ self.w

    def losses(
        self,
        real: Float[Tensor, "n d"],
        fake: Float[Tensor, "n d"],
        phi: Float[Tensor, "n k"],
        alpha: Float[Tensor, "n 1"],
    ) -> CriticLosses:
        """Return the critic's objective on real and fake features of the same classes, differentiable by weights."""
        weights = self.A, self.B, self.b, self.w
        return CriticLosses(*_Losses.apply(*weights, real, fake, self.phi_scale * phi, alpha, self.slope))  # type: ignore[no-untyped-call]


class _Losses(torch.autograd.Function):
    """Distance and penalty of a shallow critic with n real and n fake rows, in few and large products.

    ``phi`` is scaled by c already.

    With s = λ'(h), ŝ = λ'(h(x̂)) the gradient of D at x̂ is g = Aᵀ(w ⊙ ŝ), and that of the distance by h is w ⊙ δ with
    δ = ±s/n. With ρ = 2/n (‖g‖ - 1) g/‖g‖, the gradient of the penalty by g, one product has all of the gradient by A:

        Q = (δ; ŝ)ᵀ (x; ρ),   ∂A = w ⊙ Q,   ∂B = w ⊙ Σδᵀφ,   ∂b = w ⊙ Σδ

    D does not change where a row of (A, B, b) is multiplied by a factor and its weight in w divided by it, so along
    that direction the gradient is 0, which gives ∂w without another product: ∂w = Σ (A ⊙ Q) + Σ δ ⊙ (Bφ + b).
    """

    @staticmethod
    def forward(
        ctx: Any,
        A: Float[Tensor, "h d"],
        B: Float[Tensor, "h k"],
        b: Float[Tensor, "h"],
        w: Float[Tensor, "h"],
        real: Float[Tensor, "n d"],
        fake: Float[Tensor, "n d"],
        phi: Float[Tensor, "n k"],
        alpha: Float[Tensor, "n 1"],
        slope: float,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        n = len(real)
        x = torch.cat([real, fake])
        by_class = linear(phi, B, b)
        h = (x @ A.T).view(2, n, -1).add_(by_class)
        of_real, of_fake = h
        mixed = _times_slope(h.new_ones(()), torch.lerp(of_fake, of_real, alpha.to(h.dtype)), slope)
        g = (w * mixed) @ A
        length = torch.linalg.vector_norm(g, dim=-1, keepdim=True, dtype=A.dtype)
        d_real, d_fake = (leaky_relu(h, slope).flatten(0, 1) @ w).view(2, n)
        ctx.save_for_backward(A, w, x, phi, by_class, h, mixed, g, length)
        ctx.slope = slope
        return (d_fake - d_real).mean(), (length - 1).square().mean()

    @staticmethod
    def backward(ctx: Any, by_distance: Tensor, by_penalty: Tensor) -> tuple[Tensor | None, ...]:
        A, w, x, phi, by_class, h, mixed, g, length = ctx.saved_tensors
        n = len(phi)
        sign = torch.stack([-by_distance, by_distance])[:, None, None].to(h.dtype) / n
        delta = _times_slope(sign, h, ctx.slope)
        total = delta.sum(dim=0)
        by_length = by_penalty * 2 / n * (length - 1)
        rho = by_length / length.clamp(min=torch.finfo(length.dtype).tiny) * g
        Q = torch.cat([delta.flatten(0, 1), mixed]).T @ torch.cat([x, rho.to(x.dtype)])
        by_w = torch.linalg.vecdot(A, Q.to(A.dtype)) + (total * by_class).sum(dim=0)
        by_A, by_B = (part.mul_(w.unsqueeze(1)) for part in (Q, total.T @ phi))
        return by_A, by_B, total.sum(dim=0) * w, by_w, None, None, None, None, None


def _times_slope(by_value: Tensor, h: Float[Tensor, "*shape"], slope: float) -> Float[Tensor, "*shape"]:
    """Return λ'(h) ⊙ ``by_value``, in one pass over memory instead of the three of ``torch.where``."""
    grown: Tensor = torch.ops.aten.leaky_relu_backward(by_value.expand_as(h), h, slope, False)
    return grown


class DeepCritic(nn.Module):
    """D(x, cφ), a perceptron with several hidden layers.

    The gradient of the penalty comes from automatic differentiation, twice.

    Args:
        features: d.
        embedding: k; 0 for an unconditional critic.
        hidden: width of every hidden layer.
        layers: how many of them.
        slope: of the leaky rectifier below 0.
        phi_scale: c, or None if the training set gives it.
    """

    phi_scale: float | Tensor

    def __init__(
        self,
        features: int,
        embedding: int,
        hidden: int,
        layers: int,
        slope: float = SLOPE,
        phi_scale: float | None = 1.0,
    ) -> None:
        super().__init__()
        hold_phi_scale(self, phi_scale)
        self.layers = mlp(features + embedding, *[hidden] * layers, 1, slope=slope)

    def forward(self, x: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Float[Tensor, "n"]:
        """Return D(x, φ)."""
        value: Tensor = self.layers(torch.cat([x, self.phi_scale * phi], dim=-1)).squeeze(-1)
        return value

    def losses(
        self,
        real: Float[Tensor, "n d"],
        fake: Float[Tensor, "n d"],
        phi: Float[Tensor, "n k"],
        alpha: Float[Tensor, "n 1"],
    ) -> CriticLosses:
        """Return the critic's objective on real and fake features of the same classes."""
        d_real, d_fake = self(torch.cat([real, fake]), torch.cat([phi, phi])).chunk(2)
        mixed = (alpha * real + (1 - alpha) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(self(mixed, phi).sum(), mixed, create_graph=True)
        return CriticLosses((d_fake - d_real).mean(), (gradient.norm(dim=1) - 1).square().mean())


Critic = ShallowCritic | DeepCritic


def critic(features: int, embedding: int, hidden: int, layers: int = 1, phi_scale: float | None = 1.0) -> Critic:
    """Return a critic with new weights and this many hidden layers."""
    if layers == 1:
        return ShallowCritic(features, embedding, hidden, phi_scale=phi_scale)
    return DeepCritic(features, embedding, hidden, layers, phi_scale=phi_scale)
