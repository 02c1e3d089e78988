"""A bilinear map under the pairwise sigmoid loss of image and class pairs [Zhai2023]."""

from __future__ import annotations

import math
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from zsl.data.training_set import Batch
from zsl.hyperparameters import passes_on_to, require_positive
from zsl.methods.compatibility.bilinear import BilinearSGD, DescentKeys
from zsl.methods.method import Dimensions


class BilinearSigmoid(BilinearSGD):
    """min_{W, b}  mean_n  Σ_{y seen} -log σ(z_ny (F(x_n, y)/τ + b)),   z_ny = 1 for y = y_n, otherwise -1

    with F(x, y) = θ(x)ᵀ W φ(y): every pair of an image and a seen class is a binary problem of its own, as in
    SigLIP, which pairs images with the captions of a batch. There embeddings have length 1 and their scale 1/τ is
    learned; here W is free in scale, so τ stays fixed. The bias b is learned as there. It starts at -log(s-1), the log
    odds that a pair fits (-10 in SigLIP, about that of its batches of 32,768), so that the many wrong pairs do not
    dominate the first steps. Scores are F: b is the same for every class. Stochastic gradient descent with momentum.

    Args:
        dims: sizes of θ(x) and φ(y).
        lr: learning rate > 0.
        temperature: τ > 0.
        descent: ``epochs``, ``batch_size``, ``momentum`` and ``weight_decay``, as of :class:`.BilinearSGD`.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    @passes_on_to(BilinearSGD)
    def __init__(
        self, dims: Dimensions, lr: float = 0.03, temperature: float = 0.1, **descent: Unpack[DescentKeys]
    ) -> None:
        super().__init__(dims, lr, **descent)
        require_positive(temperature=temperature)
        self.temperature = temperature
        self.bias = nn.Parameter(torch.tensor(-math.log(max(1, dims.seen - 1))))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the binary cross-entropy of pairs, summed over the seen classes, its mean over images."""
        F = self.scores(batch.x, batch.classes)
        fits = one_hot(batch.y, F.shape[1]).to(F.dtype)
        return binary_cross_entropy_with_logits(F / self.temperature + self.bias, fits, reduction="sum") / len(F)
