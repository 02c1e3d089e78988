"""Transformer blocks on the tokens of an image, such as those that dino.txt adds to a frozen encoder [Jose2025]."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

HEAD = 64
"""width of a head of attention, where it divides the width of a token"""


class TokenBlocks(nn.Module):
    """u(x) = [c, mean_i p_i],   (c, p_1, …, p_{T-1}) = LN(z_L),   z_0 = θ(x) as T vectors

    a_l = z_l + MHA(LN(z_l)),   z_{l+1} = a_l + W₂ gelu(W₁ LN(a_l)),   W₁ (4w × w)

    The first vector is the class token, the others are patches. Without blocks u(x) = [θ_1, mean_{i > 1} θ_i].

    Args:
        tokens: T ≥ 2.
        width: w, the length of a token.
        blocks: L ≥ 0.
    """

    def __init__(self, tokens: int, width: int, blocks: int) -> None:
        super().__init__()
        self.tokens, self.width = tokens, width
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width) if blocks else nn.Identity()

    def forward(self, x: Float[Tensor, "n d"], drop_path: float = 0.0) -> Float[Tensor, "n 2*w"]:
        """Return u of images; a share of them, drawn anew, skips each sum, whose other terms are scaled up for it."""
        z = x.view(len(x), self.tokens, self.width)
        for block in self.blocks:
            z = block(z, drop_path)
        z = self.norm(z)
        return torch.cat([z[:, 0], z[:, 1:].mean(dim=1)], dim=1)

    def __call__(self, x: Float[Tensor, "n d"], drop_path: float = 0.0) -> Float[Tensor, "n 2*w"]:
        """Return what :meth:`forward` does."""
        found: Tensor = super().__call__(x, drop_path)
        return found


class _Block(nn.Module):
    """One transformer block that normalises what attention and the two layers are given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD) if width % HEAD == 0 else 1
        self.before_attention, self.before_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.first, self.second = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        for layer in (self.qkv, self.out, self.first, self.second):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, z: Float[Tensor, "n T w"], drop_path: float) -> Float[Tensor, "n T w"]:
        """Return the next vectors."""
        z = z + _kept(self._attention(self.before_attention(z)), drop_path)
        return z + _kept(self.second(gelu(self.first(self.before_layers(z)))), drop_path)

    def _attention(self, z: Float[Tensor, "n T w"]) -> Float[Tensor, "n T w"]:
        q, k, v = self.qkv(z).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed: Tensor = self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return mixed


def _kept(term: Float[Tensor, "n T w"], share: float) -> Float[Tensor, "n T w"]:
    """Return the terms of all images but of a random share, divided by the share that is left."""
    if not share:
        return term
    return term * (torch.rand(len(term), 1, 1, device=term.device, dtype=term.dtype) >= share) / (1 - share)
