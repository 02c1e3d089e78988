"""Gaussian posteriors of variational autoencoders."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import vector_norm


class Gaussian(NamedTuple):
    """N(μ, diag σ²), one for every row."""

    mu: Float[Tensor, "*n z"]
    log_variance: Float[Tensor, "*n z"]

    @property
    def sigma(self) -> Float[Tensor, "*n z"]:
        """Return σ."""
        return (0.5 * self.log_variance).exp()

    def draw(self) -> Float[Tensor, "*n z"]:
        """Return μ + σ ⊙ ε,   ε ~ N(0, I)."""
        return self.mu + self.sigma * torch.randn_like(self.mu)

    def divergence(self) -> Float[Tensor, "*n"]:
        """Return KL(N(μ, diag σ²) ‖ N(0, I)) = ½ Σ (μ² + σ² - 1 - log σ²)."""
        return 0.5 * (self.mu.square() + self.log_variance.expm1() - self.log_variance).sum(dim=-1)

    def distance(self, other: Gaussian) -> Float[Tensor, "*n"]:
        """Return W₂ = (‖μ - μ'‖² + ‖σ - σ'‖²)^½."""
        norm: Tensor = vector_norm(torch.cat([self.mu - other.mu, self.sigma - other.sigma], dim=-1), dim=-1)
        return norm
