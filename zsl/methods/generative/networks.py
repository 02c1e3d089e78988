"""Perceptrons, generator and encoder of the feature generators."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from zsl.data.stored_rows import BLOCK, StoredRows, blocks
from zsl.errors import InputError
from zsl.methods.generative.class_means import Regression
from zsl.methods.generative.gaussian import Gaussian
from zsl.methods.generative.prepared import OutputActivation, hold_phi_scale

LAST: dict[str, Callable[[], nn.Module]] = {
    "auto": OutputActivation,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}
"""name of the output activation of a generator -> makes it"""
SLOPE = 0.2
"""of the leaky rectifier"""
Output = Literal["auto", "relu", "sigmoid", "linear"]
Begin = Literal["regression", "random"]
"""weights that a generator begins with: a regression of class means on φ beside random ones, or these alone"""


def require_reach(output: Output, x: Float[Tensor, "n d"] | StoredRows) -> None:
    """Refuse a last function of a generator whose range does not contain the features.

    Raises:
        InputError: ``output`` is a sigmoid, and a feature is outside [0, 1].
    """
    if output == "sigmoid" and any(rows.min() < 0 or rows.max() > 1 for rows in blocks(x, BLOCK)):
        raise InputError("method.output=sigmoid: features must lie in [0, 1]; add data.scale=minmax")


def mlp(*widths: int, output: Output = "linear", slope: float = SLOPE) -> nn.Sequential:
    """Return linear layers of these widths with leaky rectifiers between them; weights ~ N(0, 0.02²), biases 0."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [_linear(inputs, outputs), nn.LeakyReLU(slope)]
    layers[-1] = LAST[output]()
    return nn.Sequential(*layers)


def of_pairs(
    layers: nn.Sequential,
    h: Float[Tensor, "n r"],
    phi: Float[Tensor, "s k"],
    activation: Callable[[Tensor], Tensor],
) -> Float[Tensor, "n s"]:
    """Return a perceptron's wᵀa(A h + Bφ + b) + c for every row of ``h`` and of ``phi``; each is multiplied once.

    Args:
        layers: of two linear layers, the first of (h, φ), the second with one output.
        h: one row an image.
        phi: one row a class.
        activation: a, in place of that of ``layers``.
    """
    first, last = (layer for layer in layers if isinstance(layer, nn.Linear))
    A, B = first.weight[:, : h.shape[1]], first.weight[:, h.shape[1] :]
    values: Tensor = last(activation((h @ A.T).unsqueeze(1) + linear(phi, B, first.bias))).squeeze(-1)
    return values


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


class Generator(nn.Module):
    """G(z, φ) = r(W₂ λ(W₁ (z, cφ) + b₁) + b₂),   z ~ N(0, I)

    with λ the leaky rectifier. Because ‖z‖ ≈ √dim z, a unit-norm φ has little influence unless c is
    large.

    Args:
        noise: length of z.
        embedding: k, the length of φ.
        hidden: width of the hidden layer.
        features: d.
        output: r.
        phi_scale: c, or None if the training set gives it.
    """

    phi_scale: float | Tensor

    def __init__(
        self, noise: int, embedding: int, hidden: int, features: int, output: Output, phi_scale: float | None = 1.0
    ) -> None:
        super().__init__()
        self.noise, self.width = noise, hidden
        hold_phi_scale(self, phi_scale)
        self.layers = mlp(noise + embedding, hidden, features, output=output)

    def forward(self, phi: Float[Tensor, "*n k"], z: Float[Tensor, "*n z"] | None = None) -> Float[Tensor, "*n d"]:
        """Return G(z, φ) for every row of ``phi``, with z ~ N(0, I) if none is given."""
        return self.from_hidden(self.hidden(phi, self.draw(phi) if z is None else z))

    def draw(self, phi: Float[Tensor, "*n k"]) -> Float[Tensor, "*n z"]:
        """Return z ~ N(0, I) for every row of ``phi``."""
        return torch.randn(*phi.shape[:-1], self.noise, dtype=phi.dtype, device=phi.device)

    def hidden(self, phi: Float[Tensor, "*n k"], z: Float[Tensor, "*n z"]) -> Float[Tensor, "*n h"]:
        """Return λ(W₁ (z, cφ) + b₁)."""
        h: Tensor = self.layers[1](self.layers[0](torch.cat([z, self.phi_scale * phi], dim=-1)))
        return h

    @torch.no_grad()
    def begin_with(self, foretold: Regression, at: int = 0, scale: float | Tensor | None = None) -> None:
        """Take initial weights with which G(z, φ) is what descriptions foretell, beside what random weights add.

        λ(t) - λ(-t) = (1 + slope) t, so that two hidden units make a term of the regression: its largest terms take up
        to half of the units, and the others keep their weights.

        Args:
            foretold: regression of class means on φ.
            at: place of φ in what is given to G beside z.
            scale: c, where that of G itself is not what φ is multiplied by.
        """
        first, last = self.layers[0], self.layers[2]
        assert isinstance(first, nn.Linear)
        assert isinstance(last, nn.Linear)
        c = self.phi_scale if scale is None else scale
        R, V = (terms[:, : self.width // 4].to(first.weight) for terms in (foretold.R, foretold.V))
        k, r = R.shape
        alpha = (c / R.norm(dim=0) / (1 + SLOPE)).sqrt()
        start = self.noise + at
        for sign, units in ((1, slice(0, r)), (-1, slice(r, 2 * r))):
            first.weight[units] = 0
            first.weight[units, start : start + k] = sign * (alpha / c * R).T
            first.bias[units] = -sign * alpha * (foretold.phi_mean.to(R) @ R)
            last.weight[:, units] = sign * V / (alpha * (1 + SLOPE))
        last.bias.copy_(foretold.centre)

    def from_hidden(self, h: Float[Tensor, "*n h"]) -> Float[Tensor, "*n d"]:
        """Return r(W₂h + b₂)."""
        x: Tensor = self.layers[3](self.layers[2](h))
        return x


class Encoder(nn.Module):
    """(μ, log σ²) = W₃ λ(W₂ λ(W₁ (x, cφ) + b₁) + b₂) + b₃

    with λ the leaky rectifier.

    Args:
        features: d.
        embedding: k, the length of φ.
        hidden: width of the first hidden layer; the second has twice that of z.
        latent: length of z.
        phi_scale: c, or None if the training set gives it.
    """

    phi_scale: float | Tensor

    def __init__(self, features: int, embedding: int, hidden: int, latent: int, phi_scale: float | None = 1.0) -> None:
        super().__init__()
        hold_phi_scale(self, phi_scale)
        self.layers = mlp(features + embedding, hidden, 2 * latent, 2 * latent)

    def forward(self, x: Float[Tensor, "*n d"], phi: Float[Tensor, "*n k"]) -> Gaussian:
        """Return the posterior of z, given a feature and the description of its class."""
        return Gaussian(*self.layers(torch.cat([x, self.phi_scale * phi], dim=-1)).chunk(2, dim=-1))
