"""LoRA: low-rank updates of the attention of an image encoder [Hu2022, Zanella2024]."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.hyperparameters import passes_on_to
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.few_labels.adaptation import Base
from zsl.methods.few_labels.image_adaptation import ImageAdaptation
from zsl.methods.few_labels.lora import LoRAKeys, LoRAOptions
from zsl.methods.method import Dimensions


class LoRAImage(ImageAdaptation):
    """F(x, y) = exp(s) cos(f(e(x)), g(y)),   with W + α/r BA for every chosen matrix W of the image encoder e

    with A (r × n) and B (m × r) learned by the cross-entropy of F over the seen classes, B = 0 at the start. θ(x) are
    the pixels of an image. AdamW. Adapters are those of the library peft.

    Args:
        dims: sizes of θ(x) and φ(y).
        base: makes the joint space of f, g and s, which is trained first.
        checkpoint: folder of an image encoder or two-tower model of transformers; null: EfficientNet-Lite0.
        adapters: hyperparameters of :class:`.LoRAOptions`.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, the encoder cannot be loaded or has no
            such layers, or peft is not installed.
    """

    @passes_on_to(LoRAOptions)
    def __init__(
        self,
        dims: Dimensions,
        base: Base = Aligned,
        checkpoint: str | Path | None = None,
        **adapters: Unpack[LoRAKeys],
    ) -> None:
        options = LoRAOptions(**adapters)
        super().__init__(dims, base, checkpoint, **options.descent)
        options.add_to(self.start.network)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scaled cosines of images and classes."""
        return self.base.scale.detach() * self.encoded(self.start, x) @ self.w(classes.embeddings).T
