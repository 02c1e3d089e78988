"""YAML and JSON as plain data: no tags, no merge keys, limited nesting, and no copies of aliases."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Hashable
from typing import Any

import yaml

_FASTEST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 32
"""the largest nesting depth of lists and mappings"""
_FLOAT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")


def parse(text: str) -> Any:
    """Read a document as JSON if possible, and as YAML otherwise; aliases are shared objects, never copies.

    Keys are not merged: ``<<`` is an ordinary key. Dates stay text, and ``1e-3`` is a number, as in YAML 1.2.

    Raises:
        ValueError: the text is neither JSON nor YAML, a key occurs twice, or lists and mappings are nested deeper than
            32 levels.
    """
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_unique)
        except json.JSONDecodeError:
            pass  # may be a mapping in YAML's flow style
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
    try:
        _require_shallow(text)
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def shown(value: Any) -> str:
    """Return a short representation of a value of any size."""
    return _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict, _SHORT.maxstring = 2, 3, 3, 80


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise ValueError(f"key {twice!r} occurs twice")
    return content


def _require_shallow(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_FASTEST):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError("nested too deeply")


class _Loader(_FASTEST):  # type: ignore[misc,valid-type]
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if not isinstance(key, Hashable):
                raise yaml.YAMLError("a key is a list or a mapping")
            if key in keys[:place]:
                raise yaml.YAMLError(f"key {shown(key)} occurs twice")
        return {key: self.construct_object(value, deep=deep) for key, (_, value) in zip(keys, node.value, strict=True)}


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":merge"))]
    for first, resolvers in _FASTEST.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
