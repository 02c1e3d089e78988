"""Gaussian posteriors of variational autoencoders, and an autoencoder that has them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.linalg import vector_norm

from zsl.methods.closed_form.moments import Features

AT_ONCE = 2**16
"""rows that are encoded in one pass"""


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


class Autoencoder(nn.Module):
    """q(z | v) = N(μ, diag σ²),   (μ, log σ²) = A₂[A₁v + a₁]₊ + a₂,   v̂ = B₂[B₁z + b₁]₊ + b₂."""

    def __init__(self, inputs: int, encoder_hidden: int, decoder_hidden: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(_linear(inputs, encoder_hidden), nn.ReLU(), _linear(encoder_hidden, 2 * latent))
        self.decoder = nn.Sequential(_linear(latent, decoder_hidden), nn.ReLU(), _linear(decoder_hidden, inputs))

    def encode(self, v: Float[Tensor, "n v"]) -> Gaussian:
        """Return q(z | v)."""
        return Gaussian(*self.encoder(v).chunk(2, dim=1))

    def draw_of(self, v: Features, rows: Int[Tensor, " m"]) -> Float[Tensor, "m z"]:
        """Return z ~ q(z | v) of the rows of v at ``rows``, which are read in blocks."""
        parts = [self.encode(v[some]) for some in torch.split(rows, AT_ONCE)]
        return Gaussian(*map(torch.cat, zip(*parts, strict=True))).draw()


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight, gain=0.5)
    nn.init.zeros_(layer.bias)
    return layer
