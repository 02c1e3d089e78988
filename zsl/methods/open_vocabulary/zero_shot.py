"""Cosines of images and class texts in the space of a two-tower model: CLIP [Radford2021], SigLIP [Zhai2023]."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_choice, require_finite, require_flag, require_positive
from zsl.methods.alignment.joint_space import JointSpace
from zsl.methods.method import Dimensions
from zsl.methods.open_vocabulary.checkpoint import scale_and_bias

log = logging.getLogger(__name__)


class ZeroShot(JointSpace):
    """F(x, y) = s cos(θ(x), φ(y)) + b

    Nothing is learned. Probabilities are softmax_y F for CLIP, for which b = 0, and σ(F) for SigLIP, which does not add
    up to 1 over classes. Methods that learn from few labels leave b out, which changes no order, and take softmax.

    Args:
        dims: sizes of θ(x) and φ(y).
        scale: s > 0; None: that of the checkpoint, exp(logit_scale), or 100 without one, where CLIP's training ends.
        bias: b; None: that of the checkpoint where ``scale`` is, otherwise 0.
        cosine: whether φ(y) is scaled to length 1, too; not for a mean of scores (``ensemble=mean_scores``).
        largest: whether φ(y) holds several vectors of the length of θ(x) side by side (``ensemble=max``), of which the
            one with the largest cosine counts.
        probabilities: ``"softmax"``, ``"sigmoid"``, or None: sigmoid where ``scale`` is that of a
            checkpoint with a bias, otherwise softmax.
        checkpoint: folder or hub name of a two-tower model of transformers, or ``open_clip:NAME:WEIGHTS``.

    Raises:
        InputError: a hyperparameter is out of range.
    """

    same_space = True

    def __init__(
        self,
        dims: Dimensions,
        scale: float | None = None,
        bias: float | None = None,
        cosine: bool = True,
        largest: bool = False,
        probabilities: Literal["softmax", "sigmoid"] | None = None,
        checkpoint: str | Path | None = None,
    ) -> None:
        super().__init__()
        if scale is not None:
            require_positive(scale=scale)
        if bias is not None:
            require_finite(bias=bias)
        require_flag(cosine=cosine, largest=largest)
        if probabilities is not None:
            require_choice(probabilities, "method.probabilities", ("softmax", "sigmoid"))
        if checkpoint is not None and not isinstance(checkpoint, str | Path):
            raise InputError(f"method.checkpoint={checkpoint}: must be a folder")
        self.given = scale, bias, probabilities
        self.joint, self.cosine, self.largest, self.checkpoint = dims.features, cosine, largest, checkpoint
        self.register_buffer("s", torch.tensor(100.0 if scale is None else float(scale)))
        self.register_buffer("b", torch.tensor(float(bias or 0)))
        self.register_buffer("sigmoid", torch.tensor(probabilities == "sigmoid"))
        self.s: Tensor
        self.b: Tensor
        self.sigmoid: Tensor

    @property
    def scale(self) -> Float[Tensor, ""]:
        """Return s."""
        return self.s

    @property
    def probabilities(self) -> Literal["softmax", "sigmoid"]:  # type: ignore[override]
        """Return how scores become probabilities."""
        return "sigmoid" if self.sigmoid else "softmax"

    def finalize(self, train: TrainingSet) -> None:
        """Read of the checkpoint what is not given.

        Raises:
            InputError: θ(x) and φ(y) are no vectors of one space, or the folder is no two-tower model.
        """
        d, k = self.joint, train.classes.embeddings.shape[1]
        if k % d if self.largest else k != d:
            raise InputError(
                f"method=zero_shot: θ(x) has {d} numbers and φ(y) {k}; give features and class_embedding=prompts of "
                "one two-tower model"
            )
        scale, bias, probabilities = self.given
        if scale is None and self.checkpoint is None:
            log.warning(
                "method=zero_shot: no logit scale is known; 100 is taken; give the checkpoint of a two-tower model, or "
                "a scale"
            )
        if scale is None and self.checkpoint is not None:
            own_scale, own_bias = scale_and_bias(self.checkpoint)
            self.s.fill_(own_scale)
            self.b.fill_((own_bias or 0) if bias is None else bias)
            if probabilities is None:
                self.sigmoid.fill_(own_bias is not None)

    def images(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return θ(x)."""
        return x

    def texts(self, phi: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return φ(y).

        Raises:
            InputError: a class has several vectors.
        """
        if self.largest:
            raise InputError(
                "method.largest=true: a class has several vectors where this method needs one; choose another "
                "class_embedding.ensemble, or method=zero_shot, tip_adapter or linear_probe"
            )
        return phi

    def w(self, phi: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return φ(y) of length 1, or as it is without ``cosine``."""
        return super().w(phi) if self.cosine else self.texts(phi)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return s cos(θ(x), φ(y)) + b."""
        phi = classes.embeddings.reshape(len(classes), -1, x.shape[1])
        phi = normalize(phi, dim=2) if self.cosine else phi
        cosines = torch.einsum("nd,cmd->ncm", normalize(x, dim=1), phi).amax(dim=2)
        return self.s * cosines + self.b
