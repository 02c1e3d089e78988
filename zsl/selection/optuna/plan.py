"""The search space, sampler and pruner of a search, as objects of Optuna."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler

from zsl.data.training_set import stream
from zsl.selection.epochs import Objective
from zsl.selection.space import Axis, Hyperparameters, Range


@dataclass(frozen=True)
class Plan:
    """Description of a search with ``total`` slots, each of which holds one trial in the end.

    The point of a slot is a point of the grid, or else the suggestion of the tree-structured Parzen estimator, given
    all trials so far and a random stream of the slot's own. A search that is stopped and resumed by one process
    therefore gives the trials of a search that was not stopped.
    """

    study: str
    space: Mapping[str, Axis]
    points: Sequence[Hyperparameters] | None
    """points of a grid, or None for the sampler"""
    total: int
    objective: Objective
    seed: int
    pruner: str
    epochs: int
    """epochs of a training that is not pruned; 0 for closed forms"""
    default: Hyperparameters = field(default_factory=dict)
    """the values that the configuration has without a search: the first trial of the estimator"""

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return the axes as distributions; a list becomes a categorical one, whatever its values are."""
        return {key: _distribution(axis) for key, axis in self.space.items()}

    def sampling(self, slot: int) -> BaseSampler:
        """Return the sampler that suggests the point of a slot."""
        sampler = TPESampler(seed=stream(self.seed, slot) % 2**32, constant_liar=True)
        fixed = self.points[slot] if self.points is not None else self._known_default() if slot == 0 else {}
        return PartialFixedSampler({key: _stored(value) for key, value in fixed.items()}, sampler) if fixed else sampler

    def _known_default(self) -> Hyperparameters:
        """Return the default values that lie on their axes."""
        return {
            key: value
            for key, value in self.default.items()
            if (axis := self.space.get(key)) is not None
            and (_is_within(value, axis) if isinstance(axis, Range) else value in axis)
        }

    def pruning(self) -> BasePruner:
        """Return the pruner, which ends trials early; for closed forms, one that never prunes."""
        if self.pruner == "none" or not self.epochs:
            return NopPruner()
        return MedianPruner() if self.pruner == "median" else HyperbandPruner(max_resource=self.epochs)

    def point(self, parameters: Mapping[str, Any]) -> Hyperparameters:
        """Return the parameters of a trial of Optuna as values of the configuration, in the order of the space."""
        return {
            key: parameters[key] if isinstance(axis, Range) else axis[_choices(axis).index(parameters[key])]
            for key, axis in self.space.items()
        }


def _distribution(axis: Axis) -> BaseDistribution:
    if not isinstance(axis, Range):
        return CategoricalDistribution(_choices(axis))
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), axis.log, int(axis.step or 1))
    return FloatDistribution(axis.low, axis.high, axis.log, axis.step)


def _is_within(value: Any, axis: Range) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not axis.low <= value <= axis.high or (axis.whole and not isinstance(value, int)):
        return False
    return axis.step is None or abs((value - axis.low) / axis.step - round((value - axis.low) / axis.step)) < 1e-9


def _choices(values: Sequence[Any]) -> list[Any]:
    return [_stored(value) for value in values]


def _stored(value: Any) -> Any:
    """Return a value that the database can hold: a number, text or null as it is, anything else as JSON."""
    simple = value is None or isinstance(value, bool | int | float | str)
    return value if simple else json.dumps(value)
