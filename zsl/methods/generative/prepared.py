"""What a generator derives from its training set: the range of what it makes, the weight of φ, spreads of features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zsl.data.label_space import LabelSpace
from zsl.data.stored_rows import BLOCK, blocks
from zsl.data.training_set import TrainingSet
from zsl.hyperparameters import require_positive
from zsl.methods.closed_form.moments import Features, class_counts, class_sums

Activation = Literal["linear", "relu", "sigmoid"]
"""output activation of a generator"""
ACTIVATIONS: tuple[Activation, ...] = ("linear", "relu", "sigmoid")
FULL = 0.5
"""mean over features of their largest values from which features that lie in [0, 1] fill it"""
NEGATIVE = 1e-6
"""part of the largest value up to which a negative one is rounding"""
LEAST = 20.0
"""largest ratio of the deviation of a feature to that between classes"""
APART = 4.0
"""root mean square distance of the descriptions of seen classes, in deviations of the noise"""


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean, deviation, least and largest value of every feature of the training images."""

    mean: Float[Tensor, " d"]
    deviation: Float[Tensor, " d"]
    least: Float[Tensor, " d"]
    largest: Float[Tensor, " d"]

    @classmethod
    def of(cls, x: Features) -> FeatureStatistics:
        """Gather the statistics in one pass."""
        count, first = len(x), x[:1].double()
        sums, squares = torch.zeros_like(first[0]), torch.zeros_like(first[0])
        ends: list[tuple[Tensor, Tensor]] = []
        for rows in blocks(x, BLOCK):
            away = rows.double() - first
            sums, squares = sums + away.sum(dim=0), squares + away.square().sum(dim=0)
            ends.append((rows.amin(dim=0), rows.amax(dim=0)))
        away = sums / count
        deviation = (squares / count - away.square()).clamp(min=0).sqrt()
        least, largest = (torch.stack(each) for each in zip(*ends, strict=True))
        dtype = least.dtype
        return cls((first[0] + away).to(dtype), deviation.to(dtype), least.amin(dim=0), largest.amax(dim=0))

    @property
    def activation(self) -> Activation:
        """Return the output activation whose range is that of the features.

        It is a sigmoid where they fill [0, 1], else a rectifier where they are never negative, else linear.
        """
        if self.least.min() < -NEGATIVE * self.largest.abs().max():
            return "linear"
        return "sigmoid" if self.largest.max() <= 1 and self.largest.mean() >= FULL else "relu"


@torch.no_grad()
def class_deviations(train: TrainingSet) -> Float[Tensor, " d"]:
    """Return by how much the expectations of classes deviate in every feature, by the training images of seen classes.

    σ_j² = Var_y m_j(y) - E_y v_j / n(y), with m(y) the mean of the n(y) images of a class and v the variance within
    classes, which is what part of the first is due to the choice of images; no less than a twentieth of the deviation
    of the feature.
    """
    examples, s = train.examples, len(train.classes)
    sums, squares = (class_sums(examples.inputs, examples.labels, s, squared) for squared in (False, True))
    n = class_counts(examples.labels, s).unsqueeze(1)
    means = sums / n
    within = (squares - n * means.square()).sum(dim=0).clamp(min=0) / (len(examples) - s if len(examples) > s else 1)
    total = (squares.sum(dim=0) - sums.sum(dim=0).square() / len(examples)).clamp(min=0) / len(examples)
    between = means.var(dim=0, correction=min(1, s - 1)) - within * (1 / n).mean()
    return torch.maximum(between, total / LEAST**2).sqrt()


class OutputActivation(nn.Module):
    """Output activation of a generator that is chosen by the range of the features when training begins.

    The choice is a buffer, the place in :data:`ACTIVATIONS`, so that saved weights hold it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kind", torch.tensor(0))
        self.kind: Tensor

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """Return x, [x]₊ or σ(x)."""
        return torch.where(self.kind == 0, x, torch.where(self.kind == 1, x.relu(), x.sigmoid()))


def require_phi_scale(phi_scale: float | None) -> None:
    """Refuse a weight of φ that is not greater than 0; None leaves it open.

    Raises:
        InputError: it is not.
    """
    require_positive(phi_scale=1.0 if phi_scale is None else phi_scale)


def hold_phi_scale(module: nn.Module, phi_scale: float | None) -> None:
    """Give a network its weight of φ: a number, or a buffer that is filled when training begins."""
    if phi_scale is None:
        module.register_buffer("phi_scale", torch.ones(()))
    else:
        module.phi_scale = phi_scale  # type: ignore[assignment]


@torch.no_grad()
def to_unit_length(phi: Float[Tensor, "s k"]) -> Float[Tensor, ""]:
    """Return 1 / √(E ‖φ‖²), the factor by which descriptions have length 1 in the mean; 1 if all are 0."""
    size = phi.double().square().sum(dim=1).mean().sqrt()
    return torch.where(size > 0, 1 / size, 1.0)


@torch.no_grad()
def weigh_by_length(module: nn.Module, phi: Float[Tensor, "s k"]) -> None:
    """Fill in the weight of φ of one network, where it was left open: that of :func:`to_unit_length`."""
    scale = module._buffers.get("phi_scale")
    if scale is not None:
        scale.copy_(to_unit_length(phi))


@torch.no_grad()
def weigh_phi(model: nn.Module, classes: LabelSpace) -> None:
    """Fill in the weight of φ in all networks of a model: seen classes are then 4 deviations of the noise apart.

    Heads fill in their own when they are trained, after the model.

    c = 4 / √(E ‖φ(y) - φ(y')‖²) over pairs of seen classes, and 4 / ‖φ‖ for a single class.
    """
    phi = classes.embeddings[classes.seen_ids].double()
    apart = (2 * phi.var(dim=0).sum()).sqrt() if len(phi) > 1 else phi.norm()
    for module in model.modules():
        scale = module._buffers.get("phi_scale")
        if scale is not None:
            scale.copy_(torch.where(apart > 0, APART / apart, 1.0))


@torch.no_grad()
def set_activation(model: nn.Module, activation: Activation) -> None:
    """Choose the output activation of all networks of a model that leave it open."""
    for module in model.modules():
        if isinstance(module, OutputActivation):
            module.kind.fill_(ACTIVATIONS.index(activation))
