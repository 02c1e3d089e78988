"""What a generator derives from its training set: units of features, the weight of φ, the range of what it makes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zsl.data.label_space import LabelSpace
from zsl.data.stored_rows import StoredRows, blocks
from zsl.methods.closed_form.moments import Features

LINEAR, RELU, SIGMOID = 0, 1, 2
"""numbers of the last functions of a generator"""
FULL, SPARSE = 0.5, 1e-6
"""mean of the largest values of features from which their range is [0, 1], and of the least from which it is signed"""
FLOOR = 1e-2
"""least deviation of a feature, as a share of the root mean square over features"""
APART = 4.0
"""root mean square distance of the descriptions of seen classes, in deviations of the noise"""
READ = 4096


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
        for rows in blocks(x, READ):
            away = rows.double() - first
            sums, squares = sums + away.sum(dim=0), squares + away.square().sum(dim=0)
            ends.append((rows.amin(dim=0), rows.amax(dim=0)))
        away = sums / count
        deviation = (squares / count - away.square()).clamp(min=0).sqrt()
        least, largest = (torch.stack(each) for each in zip(*ends, strict=True))
        dtype = least.dtype
        return cls((first[0] + away).to(dtype), deviation.to(dtype), least.amin(dim=0), largest.amax(dim=0))

    @property
    def reach(self) -> int:
        """Return the number of the function whose range is that of the features.

        Features that are never negative end with a rectifier, within [0, 1] and up to it with a sigmoid, all others
        with nothing.
        """
        if self.least.min() < -SPARSE:
            return LINEAR
        full = self.largest.max() <= 1 and self.largest.mean() >= FULL
        return SIGMOID if full else RELU


class Units(nn.Module):
    """x ↦ (x - m) / u, and back.

    u is the deviation of every feature over the training images, no less than a hundredth of their root mean square,
    and m their mean where features have both signs, else 0: what is never negative stays so. Features within [0, 1]
    keep their units. ``kept`` keeps those of any.

    Args:
        features: d.
        kept: whether x stays as it is.
    """

    def __init__(self, features: int, kept: bool) -> None:
        super().__init__()
        self.kept = kept
        if not kept:
            self.register_buffer("m", torch.zeros(features))
            self.register_buffer("u", torch.ones(features))
        self.m: Tensor
        self.u: Tensor

    @torch.no_grad()
    def fit(self, found: FeatureStatistics, reach: int) -> None:
        """Take the units of the training images, for a generator with this last function."""
        if self.kept:
            return
        self.m.zero_()
        self.u.fill_(1)
        if reach == SIGMOID:
            return
        size = found.deviation.square().mean().sqrt()
        self.u.copy_(found.deviation.clamp(min=FLOOR * size))
        self.u[self.u == 0] = 1
        if reach == LINEAR:
            self.m.copy_(found.mean)

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """Return x in these units."""
        return x if self.kept else (x - self.m) / self.u

    def restored(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """Return what is in these units in those of the data."""
        return x if self.kept else x * self.u + self.m

    def of(self, x: Features) -> Features:
        """Return all features in these units; stored rows when they are read."""
        if self.kept:
            return x
        return x.mapped(self) if isinstance(x, StoredRows) else self(x)


class Reach(nn.Module):
    """The last function of a generator, chosen by the range of the features when training begins."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kind", torch.tensor(LINEAR))
        self.kind: Tensor

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """Return x, [x]₊ or σ(x)."""
        return torch.where(self.kind == LINEAR, x, torch.where(self.kind == RELU, x.relu(), x.sigmoid()))


def hold_phi_scale(module: nn.Module, phi_scale: float | None) -> None:
    """Give a network its weight of φ: a number, or a buffer that `weigh_phi` fills."""
    if phi_scale is None:
        module.register_buffer("phi_scale", torch.ones(()))
    else:
        module.phi_scale = phi_scale  # type: ignore[assignment]


@torch.no_grad()
def weigh_phi(model: nn.Module, classes: LabelSpace) -> None:
    """Fill in the weight of φ in all networks of a model: seen classes are then 4 deviations of the noise apart.

    c = 4 / √(E ‖φ(y) - φ(y')‖²) over pairs of seen classes, and 4 / ‖φ‖ for a single class.
    """
    phi = classes.embeddings[classes.seen_ids].double()
    apart = (2 * phi.var(dim=0).sum()).sqrt() if len(phi) > 1 else phi.norm()
    for module in model.modules():
        scale = module._buffers.get("phi_scale")
        if scale is not None:
            scale.copy_(torch.where(apart > 0, APART / apart, 1.0))


@torch.no_grad()
def set_reach(model: nn.Module, reach: int) -> None:
    """Choose the last function of all networks of a model that leave it open."""
    for module in model.modules():
        if isinstance(module, Reach):
            module.kind.fill_(reach)
