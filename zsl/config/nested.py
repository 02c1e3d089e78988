"""Nodes of a configuration with some of their values replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from zsl.errors import InputError


def replaced(
    node: Mapping[str, Any], values: Mapping[str, Any], owner: str, part: Callable[[str, Any], Any] | None = None
) -> dict[str, Any]:
    """Return a node with the values of some dotted keys replaced.

    Args:
        node: such as that of ``method``.
        values: dotted key below the node -> value.
        owner: name of the node.
        part: makes a node of the name of a key and its value, where the key holds a node.

    Raises:
        InputError: the node has no such key.
    """
    found = deepcopy(dict(node))
    for key, value in values.items():
        *parts, name = key.split(".")
        place: Any = found
        for each in parts:
            place = place.get(each) if isinstance(place, dict) else None
        hidden = any(word.startswith("_") for word in (*parts, name))
        if not isinstance(place, dict) or name not in place or hidden:
            own = ", ".join(str(name) for name in found if not str(name).startswith("_"))
            axis = key if owner == "method" else f"{owner}.{key}"
            raise InputError(f"sweep.{axis}: the {owner.replace('_', ' ')} has no such hyperparameter; it has {own}")
        place[name] = part(name, value) if part and isinstance(place[name], dict) else value
    return found
