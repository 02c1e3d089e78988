"""Tip-Adapter-F: the cache of Tip-Adapter, with keys that are learned [Zhang2022]."""

from __future__ import annotations

from typing import Unpack

from torch import nn

from zsl.hyperparameters import passes_on_to
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.few_labels.adaptation import Base, DescentKeys, GradualAdaptation
from zsl.methods.few_labels.tip_adapter import Cache
from zsl.methods.method import Dimensions


class TipAdapterF(Cache, GradualAdaptation):
    """F(x, y) = exp(s) cos(f(x), g(y)) + α Σ_{i: y_i = y} exp(-β (1 - z(x)ᵀF_i))

    with F_i learned from z(x_i) on, by the cross-entropy of F over the seen classes: :class:`.TipAdapter` otherwise.
    AdamW; the rate falls as a cosine, in every epoch where the paper's falls in every step. The paper's images are
    cropped at random, and its epoch was chosen on test images.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        base: makes the joint space of f, g and s, which is trained first.
        alpha: α > 0.
        beta: β > 0.
        images_per_class: ≥ 1.
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
        alpha: float = 1.17,
        beta: float = 1.0,
        images_per_class: int = 16,
        **descent: Unpack[DescentKeys],
    ) -> None:
        super().__init__(dims, base, **descent)
        self.keys = nn.Parameter(self.make_cache(dims, alpha, beta, images_per_class))
