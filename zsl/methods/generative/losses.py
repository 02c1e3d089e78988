"""Losses of which generators and spaces are composed: each a function of features, embeddings and labels."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize


def semantic_misfit(found: Float[Tensor, "n k"], phi: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    """Return R = Σ_j |δ_j|³ / ‖δ‖₂,   δ = φ̂ - φ / ‖φ‖₂, the mean over rows; φ̂ has length 1 [Narayan2020]."""
    delta = found - normalize(phi, dim=-1)
    norm = delta.norm(dim=-1).clamp_min(torch.finfo(delta.dtype).tiny)
    loss: Tensor = (delta.abs().pow(3).sum(dim=-1) / norm).mean()
    return loss


def absolute_misfit(v: Float[Tensor, "n v"], restored: Float[Tensor, "n v"]) -> Float[Tensor, " n"]:
    """Return ‖v - v̂‖₁ of every row."""
    return (v - restored).abs().sum(dim=1)


def contrast(z: Float[Tensor, "n m"], y: Int[Tensor, " n"], temperature: float) -> Float[Tensor, ""]:
    """Return E_i mean_{p: y_p = y_i, p ≠ i} -log( exp(z_iᵀz_p / τ) / Σ_{a ≠ i} exp(z_iᵀz_a / τ) ) [Han2021]

    over those i whose class has another row; 0 if there is none.
    """
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    alike = (y.unsqueeze(1) == y) & ~itself
    share = (z @ z.T / temperature).masked_fill(itself, -torch.inf).log_softmax(dim=1)
    count = alike.sum(dim=1)
    each = -share.masked_fill(~alike, 0).sum(dim=1) / count.clamp_min(1)
    return each.sum() / (count > 0).sum().clamp_min(1)


def centre_margin(
    h: Float[Tensor, "n m"],
    y: Int[Tensor, " n"],
    centres: Float[Tensor, "s m"],
    margin: float,
    balance: float,
    nearest: bool,
) -> Float[Tensor, ""]:
    """Return E [Δ + γ‖h - c_y‖² - (1 - γ)‖h - c_y'‖²]₊ [Chen2021]

    with y' the nearest other class, or another class drawn at random; the class itself where there is no other.
    """
    squares = h.square().sum(dim=1, keepdim=True) + centres.square().sum(dim=1) - 2 * h @ centres.T
    s = len(centres)
    if nearest and s > 1:
        other = squares.masked_fill(is_own(y, s), torch.inf).amin(dim=1)
    else:
        step = 1 + torch.randint(max(s - 1, 1), y.shape, device=y.device)
        other = _at(squares, (y + step) % s)
    return (margin + balance * _at(squares, y) - (1 - balance) * other).clamp_min(0).mean()


def nearest_of_own(x: Float[Tensor, "n d"], y: Int[Tensor, " n"], souls: Float[Tensor, "s m d"]) -> Float[Tensor, ""]:
    """Return E min_j ‖x - s_j(y)‖², the distance to the nearest soul of the class of each row [Li2019]."""
    return (x.unsqueeze(1) - souls[y]).square().sum(dim=-1).amin(dim=1).mean()


def log_prior(
    counts: Float[Tensor, " classes"], seen: Bool[Tensor, " classes"], ratio: float
) -> Float[Tensor, " classes"]:
    """Return log p(y | S) + log p(S), with S whether a class is seen [Chen2022]

    p(y | seen) is the share of the images of seen classes, p(y | unseen) = 1 / u, and p(seen) = r / (1 + r). A class
    without an image counts as one with one.
    """
    counts = counts.clamp_min(1)
    share = torch.where(seen, counts / (counts * seen).sum().clamp_min(1), 1 / (~seen).sum().clamp_min(1))
    return share.log() + seen.to(counts) * math.log(ratio) - math.log1p(ratio)


def is_own(y: Int[Tensor, "*n"], s: int) -> Bool[Tensor, "*n s"]:
    """Return whether each of s classes is that of each row; unlike ``one_hot`` it never reads a value of ``y``."""
    return y.unsqueeze(-1) == torch.arange(s, device=y.device)


def _at(values: Float[Tensor, "n s"], y: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    return values.gather(1, y.unsqueeze(1)).squeeze(1)
