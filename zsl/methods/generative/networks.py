"""The networks that feature generators are made of."""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

SLOPE = 0.2
"""of the leaky rectifier"""
Output = Literal["relu", "sigmoid", "linear"]


def mlp(*widths: int, output: Output = "linear", slope: float = SLOPE) -> nn.Sequential:
    """Linear layers of these widths with leaky rectifiers between them; weights start at N(0, 0.02²), biases at 0."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [_linear(inputs, outputs), nn.LeakyReLU(slope)]
    layers[-1] = {"relu": nn.ReLU(), "sigmoid": nn.Sigmoid(), "linear": nn.Identity()}[output]
    return nn.Sequential(*layers)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


class Generator(nn.Module):
    """G(z, φ) = r(W₂ λ(W₁ (z, φ) + b₁) + b₂),   z ~ N(0, I)

    with λ the leaky rectifier.

    Args:
        noise: length of z.
        embedding: k, the length of φ.
        hidden: width of the hidden layer.
        features: d.
        output: r.
    """

    def __init__(self, noise: int, embedding: int, hidden: int, features: int, output: Output) -> None:
        super().__init__()
        self.noise = noise
        self.layers = mlp(noise + embedding, hidden, features, output=output)

    def forward(self, phi: Float[Tensor, "*n k"], z: Float[Tensor, "*n z"] | None = None) -> Float[Tensor, "*n d"]:
        """Features of the classes that rows of ``phi`` describe, from noise of its own where none is given."""
        if z is None:
            z = torch.randn(*phi.shape[:-1], self.noise, dtype=phi.dtype, device=phi.device)
        x: Tensor = self.layers(torch.cat([z, phi], dim=-1))
        return x
