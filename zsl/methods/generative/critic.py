"""The critic of a Wasserstein GAN, its objective, and its gradient penalty [Arjovsky2017, Gulrajani2017]."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear

from zsl.methods.generative.networks import SLOPE, mlp


class CriticLosses(NamedTuple):
    """What one critic step minimises: ``distance + λ penalty``."""

    distance: Float[Tensor, ""]
    """E D(x̃, φ) - E D(x, φ): minus the estimate of the Wasserstein distance"""
    penalty: Float[Tensor, ""]
    """E (‖∇D(x̂, φ)‖₂ - 1)²"""


class ShallowCritic(nn.Module):
    """D(x, φ) = wᵀλ(h),   h = Ax + Bφ + b,   λ(h) = max(h, slope · h)

    Its gradient by x is Aᵀ(w ⊙ λ'(h)), so that the penalty on it needs no second differentiation of a graph: λ' is
    constant almost everywhere. And as h is affine in x, at x̂ = αx + (1 - α)x̃ it is αh(x) + (1 - α)h(x̃), which is there
    already: real, fake and mixed rows cost one product with A, their gradient another. (A constant added to D changes
    nothing, so D has none.)

    Args:
        features: d.
        embedding: k; 0 for a critic that is not told of the class.
        hidden: length of h.
        slope: of λ below 0.
    """

    def __init__(self, features: int, embedding: int, hidden: int, slope: float = SLOPE) -> None:
        super().__init__()
        self.slope = slope
        self.A = nn.Parameter(0.02 * torch.randn(hidden, features))
        self.B = nn.Parameter(0.02 * torch.randn(hidden, embedding))
        self.b = nn.Parameter(torch.zeros(hidden))
        self.w = nn.Parameter(0.02 * torch.randn(hidden))

    def forward(self, x: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        """D(x, φ)."""
        return self._value(linear(x, self.A) + self._offset(phi))

    def losses(
        self,
        real: Float[Tensor, "n d"],
        fake: Float[Tensor, "n d"],
        phi: Float[Tensor, "n k"],
        alpha: Float[Tensor, "n 1"],
    ) -> CriticLosses:
        """The critic's objective on real and fake features of the same classes."""
        offset = self._offset(phi)
        h_real, h_fake = (h + offset for h in linear(torch.cat([real, fake]), self.A).chunk(2))
        distance = (self._value(h_fake) - self._value(h_real)).mean()
        h_mixed = (alpha * h_real + (1 - alpha) * h_fake).detach()
        slope = torch.where(h_mixed > 0, 1.0, self.slope).to(self.w.dtype)
        return _losses(distance, (self.w * slope) @ self.A)

    def _offset(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n h"]:
        return linear(phi, self.B, self.b)

    def _value(self, h: Float[Tensor, "n h"]) -> Float[Tensor, " n"]:
        return leaky_relu(h, self.slope) @ self.w


class DeepCritic(nn.Module):
    """D(x, φ), a perceptron with several hidden layers; the gradient for its penalty comes from automatic
    differentiation, twice.

    Args:
        features: d.
        embedding: k; 0 for a critic that is not told of the class.
        hidden: width of every hidden layer.
        layers: how many of them.
        slope: of the leaky rectifier below 0.
    """

    def __init__(self, features: int, embedding: int, hidden: int, layers: int, slope: float = SLOPE) -> None:
        super().__init__()
        self.layers = mlp(features + embedding, *[hidden] * layers, 1, slope=slope)

    def forward(self, x: Float[Tensor, "n d"], phi: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        """D(x, φ)."""
        value: Tensor = self.layers(torch.cat([x, phi], dim=1)).squeeze(1)
        return value

    def losses(
        self,
        real: Float[Tensor, "n d"],
        fake: Float[Tensor, "n d"],
        phi: Float[Tensor, "n k"],
        alpha: Float[Tensor, "n 1"],
    ) -> CriticLosses:
        """The critic's objective on real and fake features of the same classes."""
        d_real, d_fake = self(torch.cat([real, fake]), phi.repeat(2, 1)).chunk(2)
        mixed = (alpha * real + (1 - alpha) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(self(mixed, phi).sum(), mixed, create_graph=True)
        return _losses((d_fake - d_real).mean(), gradient)


Critic = ShallowCritic | DeepCritic


def critic(features: int, embedding: int, hidden: int, layers: int = 1) -> Critic:
    """A critic with this many hidden layers."""
    if layers == 1:
        return ShallowCritic(features, embedding, hidden)
    return DeepCritic(features, embedding, hidden, layers)


def _losses(distance: Float[Tensor, ""], gradient: Float[Tensor, "n d"]) -> CriticLosses:
    return CriticLosses(distance, (gradient.norm(dim=1) - 1).square().mean())
