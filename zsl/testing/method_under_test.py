"""A method under test, trained once for all laws, and the laws' ways of training and scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.label_space import LabelSpace
from zsl.data.protocol import EmbeddedDataset, Stage, final
from zsl.methods.method import Dimensions, ZSLModel
from zsl.methods.recipe import Recipe
from zsl.testing.worlds import pictured, source, tokenised
from zsl.training.fit import fit
from zsl.training.loop import Loop

LOOP = Loop(progress_bar=False)


def world(kind: type[ZSLModel], seed: int = 0, **sizes: int) -> EmbeddedDataset:
    """Return a small random world for a method: φ of the length of θ, token ids or pixels where it needs them."""
    if kind.pixels:
        return pictured(seed, **sizes)
    if kind.token_ids:
        return tokenised(seed, **sizes)
    return source(seed, **{**sizes, **({"k": sizes.get("d", 6)} if kind.same_space else {})})


@cache
def small_stage(kind: type[ZSLModel] = ZSLModel) -> Stage:
    """Return the final stage of a small random world for a method."""
    return final(world(kind))


@dataclass(frozen=True)
class MethodUnderTest:
    """A method with its hyperparameters."""

    recipe: Recipe
    search: Mapping[str, Sequence[Any]] = field(default_factory=lambda: MappingProxyType({}))
    """hyperparameter -> values that a search tries"""

    def __str__(self) -> str:
        return self.recipe.kind.__name__

    @property
    def stage(self) -> Stage:
        """Return the data of most laws."""
        return small_stage(self.recipe.kind)

    @cached_property
    def model(self) -> ZSLModel:
        """Return the method, trained on :attr:`stage` with seed 0."""
        return self.trained()

    def untrained(self, stage: Stage | None = None) -> ZSLModel:
        """Build the method for the data of a stage."""
        return self.recipe(Dimensions(*(stage or self.stage).dims))

    def trained(self, stage: Stage | None = None, seed: int = 0, **how: Any) -> ZSLModel:
        """Train the method on a stage; ``how`` are further arguments of :func:`zsl.training.fit.fit`."""
        torch.manual_seed(seed)
        model = self.untrained(stage)
        return fit(model, (stage or self.stage).training(model.setting), LOOP, seed, **how)


@torch.inference_mode()
def scores(model: ZSLModel, x: Float[Tensor, "n d"], classes: LabelSpace) -> Float[Tensor, "n classes"]:
    """Return F(x, y) of images and classes."""
    return model.scores(x, classes)


def same_weights(one: ZSLModel, other: ZSLModel) -> str:
    """Return the name of a weight that differs in any bit; an empty string if none does."""
    theirs = other.state_dict()
    return next((key for key, value in one.state_dict().items() if not torch.equal(value, theirs[key])), "")
