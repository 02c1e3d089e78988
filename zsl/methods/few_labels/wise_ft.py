"""WiSE-FT: full fine-tuning of an image encoder, and the mean of its weights before and after [Wortsman2022]."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from zsl.backbones.image_tower import ImageTower
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, TrainingSet
from zsl.hyperparameters import require_choice, require_count, require_positive, require_within
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.closed_form.known_classes import places
from zsl.methods.few_labels.adaptation import Base
from zsl.methods.few_labels.image_adaptation import ImageAdaptation
from zsl.methods.method import Dimensions


class WiSEFT(ImageAdaptation):
    """F(x, y) = z(x)ᵀV_y for a seen class,   exp(s) z(x)ᵀw(y) for an unseen class,   z(x) = f(e(x))/‖f(e(x))‖

    with e an image encoder, f and w the base's maps of its features and of φ(y), and θ(x) the pixels of an image. The
    base is trained first, on the encoder as it is. Then e and V, which begins with exp(s) w(y), are trained by the
    cross-entropy of F over the seen classes, and with θ₀ and θ₁ all weights of e and V before and after,

    ``weights``: θ = (1 - α) θ₀ + α θ₁;

    ``outputs``: F = (1 - α) F(θ₀) + α F(θ₁), the control, which takes two passes.

    α = 1 is full fine-tuning. AdamW; the rate rises in ``warm_up`` steps and then falls as a cosine, which is 0 after E
    epochs; gradients are clipped to length ``clip``. Running means of batch normalisation stay as they are.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        base: makes the joint space of f, w and s.
        checkpoint: folder of an image encoder or two-tower model of transformers; null: EfficientNet-Lite0.
        alpha: α in [0, 1].
        ensemble: what is averaged, ``"weights"`` or ``"outputs"``.
        lr: learning rate > 0.
        epochs: passes over the training images ≥ 1.
        decay_epochs: E ≥ ``epochs``.
        batch_size: images a step ≥ 1; 512 in the paper.
        weight_decay: ≥ 0.
        warm_up: steps ≥ 1 until the rate is ``lr``.
        clip: greatest length of the gradient > 0.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, or the encoder cannot be loaded.
    """

    def __init__(
        self,
        dims: Dimensions,
        base: Base = Aligned,
        checkpoint: str | Path | None = None,
        alpha: float = 0.5,
        ensemble: Literal["weights", "outputs"] = "weights",
        lr: float = 3e-5,
        epochs: int = 10,
        decay_epochs: int = 10,
        batch_size: int = 64,
        weight_decay: float = 0.1,
        warm_up: int = 500,
        clip: float = 1.0,
    ) -> None:
        require_within(0, math.nextafter(1, 2), alpha=alpha)
        require_choice(ensemble, "method.ensemble", ("weights", "outputs"))
        require_positive(clip=clip)
        require_count(warm_up=warm_up)
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
        self.tower = ImageTower(checkpoint)
        self.alpha, self.ensemble, self.clip, self.warm_up = alpha, ensemble, clip, warm_up
        self.V = nn.Parameter(torch.zeros(dims.seen, self.base.joint))
        self.register_buffer("V0", torch.zeros(dims.seen, self.base.joint))
        self.register_buffer("phi", torch.zeros(dims.seen, dims.embedding))
        self.V0: Tensor
        self.phi: Tensor

    def begin(self, train: TrainingSet) -> None:
        """Begin with the texts of the seen classes as weights."""
        self.phi.copy_(train.classes.embeddings)
        self.V0.copy_(self.base.scale * self.w(self.phi))
        self.V.copy_(self.V0)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean cross-entropy over the seen classes."""
        return cross_entropy(self._scores(self.tower, self.V, batch.x, batch.classes), batch.y)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the products with V_y, or with the scaled w(y) for unseen classes."""
        F = self._scores(self.tower, self.V, x, classes)
        if self.ensemble == "outputs":
            return torch.lerp(self._scores(self.start, self.V0, x, classes), F, self.alpha)
        return F

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
            last = max(self.decay_epochs * int(self.trainer.num_training_batches), self.warm_up + 1)
            return (1 + math.cos(math.pi * (step - self.warm_up) / (last - self.warm_up))) / 2

        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, rate), "interval": "step"}}

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:  # noqa: ARG002
        """Clip the gradient."""
        nn.utils.clip_grad_norm_([*self.tower.parameters(), self.V], self.clip)

    def _scores(
        self, tower: ImageTower, V: Float[Tensor, "s m"], x: Float[Tensor, "batch d"], classes: LabelSpace
    ) -> Float[Tensor, "batch classes"]:
        z = self.encoded(tower, x)
        place = places(self.phi, classes.embeddings).unsqueeze(1)
        texts = self.base.scale.detach() * self.w(classes.embeddings)
        return z @ torch.where(place >= 0, V[place.squeeze(1).clamp(min=0)], texts).T
