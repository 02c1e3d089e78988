"""CoOp: context vectors before the name of a class, learned through the text tower [Zhou2022]."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, TypedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_choice, require_count, require_flag, require_text
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.closed_form.known_classes import places
from zsl.methods.few_labels.adaptation import Base
from zsl.methods.few_labels.text_adaptation import TextAdaptation
from zsl.methods.method import Dimensions

FIRST = 1e-5
"""learning rate of the first epoch"""


class ContextKeys(TypedDict, total=False):
    """Hyperparameters of :class:`CoOp` that CoCoOp passes on to it."""

    checkpoint: str | Path | None
    context: str | None
    M: int | None
    class_position: Literal["end", "middle", "front"]
    lr: float
    weight_decay: float


class CoOpKeys(ContextKeys, total=False):
    """Hyperparameters of :class:`CoOp` that KgCoOp passes on to it: all."""

    class_specific: bool
    epochs: int
    decay_epochs: int
    batch_size: int


class CoOp(TextAdaptation):
    """F(x, y) = exp(s) cos(f(x), g(t(v_1, …, v_M, y))),   min_v mean_n -log softmax(F(x_n, ·))[y_n]

    over the seen classes, with t the vector that a frozen text tower makes of the text of class y and of M context
    vectors v among its embedded tokens. φ(y) are the token ids of the text. With class-specific context every seen
    class has vectors of its own, and an unseen class the context that all began with. SGD with momentum 0.9, at
    η_e = η/2 (1 + cos(πe/E)) in epoch e, and at 1e-5 in the first. The paper's images are cropped at random.

    Args:
        dims: sizes of θ(x) and φ(y), and the number of seen classes.
        base: makes the joint space of f, g and s. It is trained first, on texts with the words of ``context``.
        checkpoint: folder of the text tower: that of ``class_embedding.model``; null: the packaged MiniLM.
        context: words whose embeddings v begins with; null: v ~ N(0, 0.02²).
        M: number of context vectors ≥ 1 without words, otherwise null; 16 in the paper.
        class_specific: whether every seen class has its own context.
        class_position: place of the text of the class: ``"end"``, after the context, ``"middle"`` or ``"front"``.
        lr: learning rate η > 0.
        epochs: passes over the training images ≥ 1.
        decay_epochs: E ≥ ``epochs``.
        batch_size: images a step ≥ 1.
        weight_decay: ≥ 0.

    Raises:
        InputError: a hyperparameter is out of range, the base is no joint space, or the tower cannot be loaded.
    """

    def __init__(
        self,
        dims: Dimensions,
        base: Base = Aligned,
        checkpoint: str | Path | None = None,
        context: str | None = "a photo of a",
        M: int | None = None,
        class_specific: bool = False,
        class_position: Literal["end", "middle", "front"] = "end",
        lr: float = 0.002,
        epochs: int = 50,
        decay_epochs: int = 50,
        batch_size: int = 32,
        weight_decay: float = 5e-4,
    ) -> None:
        if M is not None:
            require_count(M=M)
        if context is not None:
            require_text(context=context)
        require_flag(class_specific=class_specific)
        require_choice(class_position, "method.class_position", ("end", "middle", "front"))
        if (context is None) == (M is None):
            raise InputError(
                f"method.M={'null' if M is None else M}: give a number where method.context=null, and null otherwise"
            )
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
        self.class_specific, self.class_position, self.spoken = class_specific, class_position, context is not None
        words = torch.zeros(0, self.tower.inner) if context is None else self.tower.words(context)
        M = len(words) if M is None else M
        if not 1 <= M <= self.tower.longest - 3:
            key = f"M={M}" if context is None else f"context={context!r}"
            most = f"the text tower reads {self.tower.longest} tokens"
            raise InputError(f"method.{key}: {M} context vectors; give 1 to {self.tower.longest - 3}, as {most}")
        self.register_buffer("words", words)
        self.words: Tensor
        v = 0.02 * torch.randn(M, self.tower.inner) if context is None else words.clone()
        self.v = nn.Parameter(v.repeat(dims.seen, 1, 1) if class_specific else v)
        self.register_buffer("phi", torch.zeros(dims.seen if class_specific else 0, dims.embedding))
        self.phi: Tensor

    def begin(self, train: TrainingSet) -> None:
        """Note the seen classes, where each has a context."""
        if self.class_specific:
            self.phi.copy_(train.classes.embeddings)

    def t(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n width"]:
        """Return the vectors of texts with their context."""
        if not self.class_specific:
            return self.tower(phi, self.v, self.class_position)
        place = places(self.phi, phi)
        known = (place >= 0).view(-1, 1, 1)
        if self.spoken:
            return self.tower(phi, torch.where(known, self.v[place.clamp(min=0)], self.words), self.class_position)
        seen = (place >= 0).nonzero().squeeze(1)
        own = self.tower(phi[seen], self.v[place[seen]], self.class_position) if len(seen) else self.words[:0]
        return own if len(seen) == len(phi) else self.t0(phi).index_copy(0, seen, own)

    @torch.no_grad()
    def t0(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n width"]:
        """Return the vectors of texts with the words of ``context``, or without context where it has no words."""
        return self.tower(phi, self.words if self.spoken else None, self.class_position)

    def configure_optimizers(self) -> Any:
        """Return SGD, with a rate that falls as a cosine after an epoch of warm-up."""
        optimizer = SGD(self.own, lr=self.lr, momentum=0.9, weight_decay=self.weight_decay)
        span = self.decay_epochs

        def rate(epoch: int) -> float:
            return FIRST / self.lr if epoch == 0 else (1 + math.cos(math.pi * epoch / span)) / 2

        return {"optimizer": optimizer, "lr_scheduler": LambdaLR(optimizer, rate)}
