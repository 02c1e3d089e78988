"""CLIP-Adapter: a bottleneck added to the image vectors of a joint space [Gao2024]."""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from zsl.data.label_space import LabelSpace
from zsl.hyperparameters import passes_on_to, require_count, require_within
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.few_labels.adaptation import Base, DescentKeys, GradualAdaptation
from zsl.methods.method import Dimensions


class CLIPAdapter(GradualAdaptation):
    """F(x, y) = exp(s) cos(ρ a(f(x)) + (1 - ρ) f(x), g(y)),   a(f) = [W₂ [W₁ f]₊]₊

    with W₁ (m/reduction × m) and W₂ learned by the cross-entropy of F over the seen classes, by AdamW. Images of unseen
    classes pass through the same adapter.

    Args:
        dims: sizes of θ(x) and φ(y).
        base: makes the joint space of f, g and s, which is trained first.
        ratio: ρ in [0, 1).
        reduction: of the m dimensions of f(x) in the bottleneck ≥ 1; at least one is left.
        descent: ``lr``, ``epochs``, ``decay_epochs``, ``batch_size`` and ``weight_decay``, as of
            :class:`.GradualAdaptation`.

    Raises:
        InputError: a hyperparameter is out of range, or the base is no joint space.
    """

    @passes_on_to(GradualAdaptation)
    def __init__(
        self,
        dims: Dimensions,
        base: Base = Aligned,
        ratio: float = 0.2,
        reduction: int = 4,
        **descent: Unpack[DescentKeys],
    ) -> None:
        super().__init__(dims, base, **descent)
        require_within(0, 1, ratio=ratio)
        require_count(reduction=reduction)
        self.ratio = ratio
        m = self.base.joint
        narrow = max(1, m // reduction)
        self.a = nn.Sequential(nn.Linear(m, narrow, bias=False), nn.ReLU(), nn.Linear(narrow, m, bias=False), nn.ReLU())

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scaled cosines of adapted images and classes."""
        with torch.no_grad():
            f, scale = self.base.images(x), self.base.scale
        adapted = self.ratio * self.a(f) + (1 - self.ratio) * f
        return scale * normalize(adapted) @ self.w(classes.embeddings).T
