"""WiSE-FT: full fine-tuning of an image encoder, and the mean of its weights before and after [Wortsman2022]."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from zsl.backbones.image_tower import ImageTower
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.stored_rows import blocks
from zsl.data.training_set import Batch, TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_choice, require_count, require_positive, require_within
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.closed_form.known_classes import places
from zsl.methods.few_labels.adaptation import Adaptation, Base
from zsl.methods.method import Dimensions, ZSLModel

IMAGES = 64
"""images that are encoded at a time without gradients"""


class WiSEFT(Adaptation):
    """F(x, y) = z(x)ᵀV_y for a seen class,   exp(s) z(x)ᵀw(y) for an unseen class,   z(x) = f(e(x))/‖f(e(x))‖

    with e an image encoder, f and w the base's maps of its features and of φ(y), and θ(x) the pixels of an image. The
    base is trained first, on the encoder as it is. Then e and V, which begins with exp(s) w(y), are trained by the
    cross-entropy of F over the seen classes, and with θ₀ and θ₁ all weights of e and V before and after,

    ``weights``: θ = (1 - α) θ₀ + α θ₁;

    ``outputs``: F = (1 - α) F(θ₀) + α F(θ₁), the control, which takes two passes.

    α = 1 is full fine-tuning. AdamW; the rate rises in ``warm_up`` steps and then falls as a cosine, gradients are
    clipped to length ``clip``. Running means of batch normalisation stay as they are.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        base: makes the joint space of f, w and s.
        checkpoint: folder of an image encoder or two-tower model of transformers; null: EfficientNet-Lite0.
        alpha: α in [0, 1].
        ensemble: what is averaged, ``"weights"`` or ``"outputs"``.
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        batch_size: images a step ≥ 1; 512 in the paper.
        weight_decay: ≥ 0.
        warm_up: steps ≥ 1 until the rate is ``lr``.
        clip: greatest length of the gradient > 0.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, or the encoder cannot be loaded.
    """

    pixels: ClassVar[bool] = True

    def __init__(
        self,
        dims: Dimensions,
        base: Base = Aligned,
        checkpoint: str | Path | None = None,
        alpha: float = 0.5,
        ensemble: Literal["weights", "outputs"] = "weights",
        lr: float = 3e-5,
        epochs: int = 10,
        batch_size: int = 64,
        weight_decay: float = 0.1,
        warm_up: int = 500,
        clip: float = 1.0,
    ) -> None:
        if checkpoint is not None and not isinstance(checkpoint, str | Path):
            raise InputError(f"method.checkpoint={checkpoint}: must be a folder")
        require_within(0, math.nextafter(1, 2), alpha=alpha)
        require_choice(ensemble, "method.ensemble", ("weights", "outputs"))
        require_positive(lr=lr, clip=clip)
        require_count(epochs=epochs, batch_size=batch_size, warm_up=warm_up)
        require_within(0, math.inf, weight_decay=weight_decay)
        start = ImageTower(checkpoint, constant=True)
        super().__init__(replace(dims, features=start.width), base)
        self.start, self.tower = start, ImageTower(checkpoint)
        self.alpha, self.ensemble, self.clip = alpha, ensemble, clip
        self.lr, self.epochs, self.batch_size = lr, epochs, batch_size
        self.weight_decay, self.warm_up = weight_decay, warm_up
        self.V = nn.Parameter(torch.zeros(dims.seen, self.base.joint))
        self.register_buffer("V0", torch.zeros(dims.seen, self.base.joint))
        self.register_buffer("phi", torch.zeros(dims.seen, dims.embedding))
        self.V0: Tensor
        self.phi: Tensor

    def foundations(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """Yield the base with the features of the images, and begin with it when it has been trained."""
        with torch.no_grad():
            features = torch.cat([self.start(x) for x in blocks(train.examples.inputs, IMAGES)])
        yield self.base, replace(train, examples=Examples(features, train.examples.labels))
        with torch.no_grad():
            self.phi.copy_(train.classes.embeddings)
            self.V0.copy_(self.base.scale * self.w(self.phi))
            self.V.copy_(self.V0)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean cross-entropy over the seen classes."""
        return cross_entropy(self._scores(self.tower, self.V, batch.x, batch.classes), batch.y)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the products with V_y, or with the scaled w(y) for unseen classes."""
        parts = []
        for some in blocks(x, IMAGES):
            F = self._scores(self.tower, self.V, some, classes)
            if self.ensemble == "outputs":
                F = torch.lerp(self._scores(self.start, self.V0, some, classes), F, self.alpha)
            parts.append(F)
        return torch.cat(parts)

    def finalize(self, train: TrainingSet) -> None:  # noqa: ARG002
        """Average the weights before and after training."""
        if self.ensemble == "outputs":
            return
        before = {**dict(self.start.network.named_buffers()), "V": self.V0}
        with torch.no_grad():
            for name, weight in [*self.tower.network.named_parameters(), ("V", self.V)]:
                weight.copy_(torch.lerp(before[name], weight, self.alpha))

    def configure_optimizers(self) -> Any:
        """Return AdamW of encoder and V, with a rate for every step."""
        optimizer = AdamW([*self.tower.parameters(), self.V], lr=self.lr, weight_decay=self.weight_decay, fused=True)

        def rate(step: int) -> float:
            if step < self.warm_up:
                return (step + 1) / self.warm_up
            last = max(int(self.trainer.estimated_stepping_batches), self.warm_up + 1)
            return (1 + math.cos(math.pi * (step - self.warm_up) / (last - self.warm_up))) / 2

        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, rate), "interval": "step"}}

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:  # noqa: ARG002
        """Clip the gradient."""
        nn.utils.clip_grad_norm_([*self.tower.parameters(), self.V], self.clip)

    def _scores(
        self, tower: ImageTower, V: Float[Tensor, "s m"], x: Float[Tensor, "batch d"], classes: LabelSpace
    ) -> Float[Tensor, "batch classes"]:
        z = normalize(self.base.images(tower(x)))
        place = places(self.phi, classes.embeddings).unsqueeze(1)
        texts = self.base.scale.detach() * self.w(classes.embeddings)
        return z @ torch.where(place >= 0, V[place.squeeze(1).clamp(min=0)], texts).T
