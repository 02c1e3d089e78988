"""Search spaces: axes of values or ranges, and points of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Hyperparameters: TypeAlias = Mapping[str, Any]
"""a point of a space: dotted key -> value"""
CORRECTION = "correction."
"""begins the keys of a space that are the correction's; all others are the method's"""


@dataclass(frozen=True)
class Range:
    """The numbers from ``low`` to ``high``, both included; whole numbers where both are.

    They are drawn evenly, with ``log`` evenly in their logarithm, with ``step`` from low, low + step, ….
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether all its numbers are whole."""
        return all(isinstance(value, int) for value in (self.low, self.high, self.step or 1))


Axis: TypeAlias = Sequence[Any] | Range


def extremes(axis: Axis) -> Sequence[Any]:
    """What to check before a search: every value of a list, both ends of a range."""
    return (axis.low, axis.high) if isinstance(axis, Range) else axis


def of_method(point: Hyperparameters) -> Hyperparameters:
    """The part of a point that is the method's."""
    return {key: value for key, value in point.items() if not key.startswith(CORRECTION)}


def of_correction(point: Hyperparameters) -> Hyperparameters:
    """The part of a point that is the correction's, by the correction's own names."""
    return {key.removeprefix(CORRECTION): value for key, value in point.items() if key.startswith(CORRECTION)}
