"""The search space of a configuration: the node ``sweep`` as axes of values or ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zsl.config.checking import check
from zsl.errors import InputError
from zsl.selection.space import Axis, Range


def axes(sweep: Mapping[str, Any]) -> dict[str, Axis]:
    """Return every axis of a ``sweep`` node by its dotted key.

    ``correction.k`` is a hyperparameter of the correction, ``head.lr`` one of a part of the method. The values of
    ``head`` are names of the group ``method/head``, or names with hyperparameters: ``{sje: {lr: 0.01}}``. A range is a
    mapping, or a list of one mapping.

    Raises:
        InputError: a key has neither a list of values nor a range.
    """
    found: dict[str, Axis] = {}
    for key, node in sweep.items():
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


def without_typed(sweep: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a ``sweep`` node without the hyperparameters of the method that overrides set, as ``method.lr=0.1`` does.

    Those that an override of ``sweep`` names stay.
    """
    keys = [override.lstrip("+").partition("=")[0] for override in overrides]
    kept = {key: dict(node) if isinstance(node, Mapping) else node for key, node in sweep.items()}
    for key in (key.removeprefix("method.") for key in keys if key.startswith("method.")):
        part, _, name = key.partition(".")
        if f"sweep.{key}" in keys or f"sweep.{part}" in keys:
            continue
        kept.pop(key, None)
        if name and isinstance(kept.get(part), dict):
            kept[part].pop(name, None)
            if not kept[part]:
                del kept[part]
    return kept


def offered(space: Mapping[str, Axis], method: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Axis]:
    """Return a search space without hyperparameters that have no place in it.

    Those of parts, such as ``head.lr``, have none where the chosen part does not have them, or the part itself is
    searched; ``steps`` have none where the number of epochs is given. Those that an override of ``sweep`` names stay:
    they are mistakes, which are told.
    """

    def has(key: str) -> bool:
        part, _, name = key.partition(".")
        node = method.get(part)
        if any(f"sweep.{key}=" in override for override in overrides):
            return True
        if key == "steps":
            return method.get("epochs") is None
        if not name or not isinstance(node, Mapping):
            return True
        return part not in space and name.partition(".")[0] in node

    return {key: axis for key, axis in space.items() if has(key)}


def listed(space: Mapping[str, Axis]) -> dict[str, Sequence[Any]]:
    """Return a search space as a grid, where every axis is a list.

    Raises:
        InputError: an axis is a range.
    """
    lists: dict[str, Sequence[Any]] = {}
    for key, axis in space.items():
        if isinstance(axis, Range):
            raise InputError(
                f"sweep.{key}: a range has infinitely many values; list some, or search it with zsl sweep search=tpe"
            )
        lists[key] = axis
    return lists


def replacing(override: str) -> str:
    """Return ``sweep.KEY={low:…}`` as ``sweep.KEY=[{low:…}]``: Hydra replaces a list by nothing but a list."""
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
