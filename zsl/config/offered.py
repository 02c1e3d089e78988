"""Check of configurations read from files: each node may build only the targets that ``conf/`` has in the same role.

A configuration that the user composes may name any ``_target_``, because the user runs it. A configuration written by a
run is untrusted data: its ``_target_`` is compared as text with those that the files of ``conf/``, of installed
plug-ins and of the folder that the user has named have in the same role, before it is imported or resolved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zsl.config.tree import files, roots
from zsl.errors import InputError, missing_plugin
from zsl.files.checks import show

TARGET = "_target_"
REFERENCE = "${"
"""beginning of an interpolation, which OmegaConf would look up, compute or read from the environment"""
EACH = ".*"
"""ending of a key whose children all have the role that is given for it"""


@dataclass(frozen=True)
class Role:
    """Role of a node in a configuration."""

    group: str
    """folder of ``conf/`` whose files hold the allowed targets"""
    below: str = ""
    """key of the node in these files; empty for the whole file"""
    parts: Mapping[str, str] = field(default_factory=dict)
    """key of a child -> role of the child"""


CURE = "results are not run as programs"

ROLES = {
    "method": Role("method", parts={"head": "head", "space": "space", "base": "base"}),
    "head": Role("method/head"),
    "space": Role("method/space"),
    "base": Role("method/base"),
    "data": Role("data", parts={"backbone": "backbone"}),
    "backbone": Role("backbone"),
    "class embedding": Role("class_embedding", parts={f"parts{EACH}": "part of a concatenation"}),
    "part of a concatenation": Role("class_embedding", f"parts{EACH}", {"embedding": "class embedding"}),
    "correction": Role("correction"),
    "tracker": Role("logger"),
}
PLACES = {
    "method": "method",
    "data": "data",
    "backbone": "backbone",
    "class_embedding": "class embedding",
    "correction": "correction",
    f"logger{EACH}": "tracker",
}
"""key of a whole configuration -> role"""


def offered(role: str) -> frozenset[str]:
    """Return every ``_target_`` that a role has, ours and those of plug-ins, as JSON with Hydra's other keys."""
    return _offered(role, roots())


@cache
def _offered(role: str, _roots: tuple[Path, ...]) -> frozenset[str]:
    of = ROLES[role]
    nodes = (node for name in files(of.group) for node in _below(_composed(of.group, name), of.below))
    return frozenset(_form(own) for node in nodes if TARGET in (own := _own(node)))


def targets(*roles: str) -> frozenset[str]:
    """Return every ``_target_`` that ``conf/`` and plug-ins have in these roles, or in any."""
    return frozenset(json.loads(form)[TARGET] for role in roles or ROLES for form in offered(role))


def require_offered(config: Mapping[str, Any], place: str, named: Mapping[str, str] | None = None) -> None:
    """Refuse a configuration read from a file, or a part of one, unless it is plain data with allowed targets only.

    Args:
        config: keys such as ``method``, each with its node.
        place: the file, for the message.
        named: dotted key -> ``_target_`` that the user has typed for that key, and that is therefore allowed there.

    Raises:
        InputError: a key or a value holds ``${``, or a node has a ``_target_``, ``_args_``, ``_partial_``, … that
            ``conf/`` does not have in its role.
    """
    for key, fault in _faults("", config, "", PLACES, named or {}):
        raise InputError(f"{place}: config.{_shown(key)}: {fault}")


def require_plain(values: Mapping[str, Any], place: str, key: str) -> None:
    """Refuse hyperparameters read from a file, by dotted name, unless they are plain data.

    Raises:
        InputError: a value would build an object or look up an interpolation.
    """
    for name, value in values.items():
        if any(part.startswith("_") for part in name.split(".")):
            raise InputError(f"{place}: {key}.{_shown(name)}: is no hyperparameter; {CURE}")
        for where, fault in _faults(f"{key}.{name}", {"": value}, "", {}, {}):
            raise InputError(f"{place}: {_shown(where.rstrip('.'))}: {fault}")


def _faults(
    key: str, node: Any, role: str, parts: Mapping[str, str], named: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield (key, problem) for a node and for every node below it."""
    if isinstance(node, str) and REFERENCE in node:
        yield key, f"{show(node)} holds {REFERENCE}…; what a run has written is resolved; {CURE}"
    if isinstance(node, list):
        for i, item in enumerate(node):
            yield from _faults(f"{key}[{i}]", item, "", {}, named)
    if not isinstance(node, Mapping):
        return
    own = _own(node)
    if own and _form(own) not in (offered(role) if role else ()) and not _is_named(own, role, named.get(key)):
        yield key, _refusal(own, role, key)
    for name, value in node.items():
        below = f"{key}.{name}" if key else name
        if REFERENCE in name:
            yield below, f"a key that holds {REFERENCE}…; {CURE}"
        many = parts.get(f"{name}{EACH}")
        kind = parts.get(name, "")
        if many and isinstance(value, Mapping):
            yield from _faults(below, value, "", {f"{item}": many for item in value}, named)
        elif name not in own:
            yield from _faults(below, value, kind, ROLES[kind].parts if kind else {}, named)


def _is_named(own: Mapping[str, Any], role: str, target: str | None) -> bool:
    """Tell whether the user has typed this target for the node; Hydra's other keys must be those of the node's role."""
    if target is None or own.get(TARGET) != target:
        return False
    usual = [{}, *(json.loads(form) for form in offered(role))] if role else [{}]
    return any({**own, TARGET: ""} == {**form, TARGET: ""} for form in usual)


def _refusal(own: Mapping[str, Any], role: str, key: str) -> str:
    target, what = own.get(TARGET), f"as a {role}" if role else "here"
    usual = [json.loads(form)[TARGET] for form in offered(role)] if role else []
    if TARGET not in own or target in usual:
        name, value = next((item for item in own.items() if item[0] != TARGET), (TARGET, None))
        return f"{_shown(name)}={show(value)}: nothing in conf/ has this {what}; {CURE}"
    if not role:
        return f"names {show(target)}, which nothing in conf/ offers {what}; {CURE}"
    cure = f"{missing_plugin(target)}, or {_shown(key)}.{TARGET}=…"
    return f"names {show(target)}, which nothing in conf/ offers {what}; {CURE}; {cure}"


def _own(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a node that Hydra interprets itself and does not pass on."""
    return {name: value for name, value in node.items() if name.startswith("_")}


def _form(own: Mapping[str, Any]) -> str:
    return json.dumps(own, sort_keys=True)


def _shown(key: str) -> str:
    return show(key)[1:-1]


def _composed(group: str, name: str) -> dict[str, Any]:
    """Return the content of a choice's file, with Hydra's own keys of the files that it extends."""
    file = files(group).get(name)
    content = (yaml.safe_load(file.read_text(encoding="utf-8")) if file else None) or {}
    inherited: dict[str, Any] = {}
    for base in content.get("defaults", ()):
        of, base_name = next(iter(base.items())) if isinstance(base, dict) else ("@_here_", base)
        if of.endswith("@_here_") and base_name != "_self_":
            place = of.removesuffix("@_here_").lstrip("/") if "/" in of else group
            inherited |= _own(_composed(place, base_name.removesuffix("@_here_")))
    return {**inherited, **content}


def _below(node: Any, key: str) -> Iterator[Mapping[str, Any]]:
    name, each, _ = key.partition(EACH)
    found = node.get(name) if name and isinstance(node, Mapping) else node
    for item in found.values() if each and isinstance(found, Mapping) else (found,):
        if isinstance(item, Mapping):
            yield item
