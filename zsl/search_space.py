"""What may be tried: the axes of ``cfg.sweep``, lists of values or ranges of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from omegaconf import DictConfig

from zsl.errors import InputError
from zsl.settings import check, plain

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


def axes(cfg: DictConfig) -> dict[str, Axis]:
    """Every key of ``cfg.sweep`` with its values. Those below another are dotted: ``correction.k`` of the correction,
    ``head.lr`` of a part of the method; the values of ``head`` itself are names of the group ``method/head``, alone or
    with values of its own: ``{sje: {lr: 0.01}}``.
    A range is a mapping, alone or alone in a list.

    Raises:
        InputError: a key has neither a list of values nor a range.
    """
    found: dict[str, Axis] = {}
    for key, node in plain(cfg)["sweep"].items():
        parts = isinstance(node, Mapping) and not _is_range(node)
        below = {f"{key}.{name}": item for name, item in node.items()} if parts else {key: node}
        for name, item in below.items():
            only = item[0] if isinstance(item, list) and len(item) == 1 else item
            if _is_range(only):
                found[name] = _range(f"sweep.{name}", only)
            else:
                check(f"sweep.{name}", item, list[Any])
                found[name] = item
    return found


def grid(cfg: DictConfig) -> dict[str, Sequence[Any]]:
    """The same where every axis is a list: what can be tried exhaustively.

    Raises:
        InputError: a key has no list of values.
    """
    lists: dict[str, Sequence[Any]] = {}
    for key, axis in axes(cfg).items():
        if isinstance(axis, Range):
            raise InputError(
                f"sweep.{key}: a range has no end of values; list some, or search it with zsl sweep search=tpe"
            )
        lists[key] = axis
    return lists


def extremes(axis: Axis) -> Sequence[Any]:
    """What to check before a search: every value of a list, both ends of a range."""
    return (axis.low, axis.high) if isinstance(axis, Range) else axis


def of_method(point: Hyperparameters) -> Hyperparameters:
    """The part of a point that is the method's."""
    return {key: value for key, value in point.items() if not key.startswith(CORRECTION)}


def of_correction(point: Hyperparameters) -> Hyperparameters:
    """The part of a point that is the correction's, by the correction's own names."""
    return {key.removeprefix(CORRECTION): value for key, value in point.items() if key.startswith(CORRECTION)}


def replacing(override: str) -> str:
    """``sweep.KEY={low:…}`` as ``sweep.KEY=[{low:…}]``: Hydra puts a list in the place of a list, and nothing else."""
    key, _, value = override.partition("=")
    ranged = key.lstrip("+").startswith("sweep.") and value.startswith("{") and value.endswith("}")
    return f"{key}=[{value}]" if ranged else override


def _is_range(node: Any) -> bool:
    return isinstance(node, Mapping) and not {"low", "high"}.isdisjoint(node)


def _range(key: str, node: Mapping[str, Any]) -> Range:
    check(key, node, Range)
    found = Range(**node)
    low, high, step = found.low, found.high, found.step
    if not low < high:
        raise InputError(f"{key}: low={low} is not below high={high}; exchange or correct them")
    if found.log and low <= 0:
        raise InputError(f"{key}.low={low}: a logarithm needs numbers above 0; raise it, or leave log out")
    if found.log and step is not None:
        raise InputError(f"{key}: log and step exclude each other; leave one out")
    if step is not None and not 0 < step <= high - low:
        raise InputError(f"{key}.step={step}: must be above 0 and at most high - low = {high - low:g}")
    return found
