"""LoRA: low-rank updates of the attention of an image encoder [Hu2022, Zanella2024]."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.few_labels.adaptation import Base
from zsl.methods.few_labels.image_adaptation import ImageAdaptation
from zsl.methods.few_labels.lora import Adapters
from zsl.methods.method import Dimensions


class LoRAImage(ImageAdaptation):
    """F(x, y) = exp(s) cos(f(e(x)), g(y)),   with W + α/r BA for every chosen matrix W of the image encoder e

    with A (r × n) and B (m × r) learned by the cross-entropy of F over the seen classes, B = 0 at the start. θ(x) are
    the pixels of an image. AdamW. Adapters are those of the library peft.

    Args:
        dims: sizes of θ(x) and φ(y).
        base: makes the joint space of f, g and s, which is trained first.
        checkpoint: folder of an image encoder or two-tower model of transformers; null: EfficientNet-Lite0.
        rank: r ≥ 1.
        alpha: α > 0.
        dropout: share of the inputs of A that is set to 0 in training, in [0, 1).
        targets: names of the layers that are adapted; null: queries, keys and values of the attention, or the
            convolutions of single pixels of EfficientNet-Lite0.
        lr: learning rate η > 0.
        epochs: passes over the training images ≥ 1.
        decay_epochs: E ≥ 1, of a rate η/2 (1 + cos(πe/E)) in epoch e.
        batch_size: images a step ≥ 1.
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, the encoder cannot be loaded or has no
            such layers, or peft is not installed.
    """

    def __init__(
        self,
        dims: Dimensions,
        base: Base = Aligned,
        checkpoint: str | Path | None = None,
        rank: int = 2,
        alpha: float = 1.0,
        dropout: float = 0.25,
        targets: list[str] | None = None,
        lr: float = 2e-4,
        epochs: int = 20,
        decay_epochs: int = 20,
        batch_size: int = 32,
        weight_decay: float = 0.01,
    ) -> None:
        adapters = Adapters(rank, alpha, dropout, targets)
        super().__init__(
            dims,
            base,
            checkpoint,
            lr=lr,
            epochs=epochs,
            decay_epochs=decay_epochs,
            batch_size=batch_size,
            weight_decay=weight_decay,
        )
        adapters.add_to(self.start.network)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scaled cosines of images and classes."""
        return self.base.scale.detach() * self.encoded(self.start, x) @ self.w(classes.embeddings).T
