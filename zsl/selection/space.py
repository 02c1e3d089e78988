"""Search spaces: axes of values or ranges, and points on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Hyperparameters: TypeAlias = Mapping[str, Any]
"""a point of a space: dotted key -> value"""
CORRECTION, EMBEDDING = "correction.", "class_embedding."
"""prefixes of the keys of correction and class embedding in a search space; keys without them are the method's"""


@dataclass(frozen=True)
class Range:
    """The closed interval from ``low`` to ``high``; only its whole numbers where both ends (and ``step``) are whole.

    Samples are uniform; with ``log`` uniform in the logarithm; with ``step`` uniform over low, low + step, ….
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Tell whether the range holds whole numbers only."""
        return all(isinstance(value, int) for value in (self.low, self.high, self.step or 1))


Axis: TypeAlias = Sequence[Any] | Range


def extremes(axis: Axis) -> Sequence[Any]:
    """Return the values to check before a search: every value of a list, both ends of a range."""
    return (axis.low, axis.high) if isinstance(axis, Range) else axis


def of_method(point: Hyperparameters) -> Hyperparameters:
    """Return the hyperparameters of a point that are the method's."""
    return {key: value for key, value in point.items() if not key.startswith((CORRECTION, EMBEDDING))}


def of_correction(point: Hyperparameters) -> Hyperparameters:
    """Return the hyperparameters of a point that are the correction's, without the prefix of their keys."""
    return {key.removeprefix(CORRECTION): value for key, value in point.items() if key.startswith(CORRECTION)}


def of_embedding(point: Hyperparameters) -> Hyperparameters:
    """Return the hyperparameters of a point that are the class embedding's, without the prefix of their keys."""
    return {key.removeprefix(EMBEDDING): value for key, value in point.items() if key.startswith(EMBEDDING)}
