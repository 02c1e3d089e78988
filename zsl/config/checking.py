"""Check of the values of a configuration against annotations, before data are read or files written."""

from __future__ import annotations

import inspect
import json
import math
import operator
import pkgutil
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf

from zsl.config.hydra_errors import explained, nearest
from zsl.config.settings import (
    COMPOSED,
    MethodKeys,
    Settings,
)
from zsl.errors import InputError, shortened
from zsl.files.folder import expanded
from zsl.hyperparameters import require_choice

T = TypeVar("T")
GIVEN = ("dims",)
"""parameters of a constructor that are not keys of the configuration"""
LEAVES = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "text",
    Path: "text",
    types.NoneType: "null",
}
LARGEST = 2**63
"""exclusive upper bound of the absolute value of a whole number"""
LIMITS: Mapping[str, tuple[Callable[[Any, Any], bool], str]] = {
    "ge": (operator.ge, "at least"),
    "gt": (operator.gt, "greater than"),
    "le": (operator.le, "at most"),
    "lt": (operator.lt, "less than"),
}
"""limits that an annotation may set, such as ``Annotated[int, Ge(1)]``: comparison and wording"""


def plain(cfg: DictConfig, key: str = "", hint: Any = Settings) -> dict[str, Any]:
    """Return the node ``key`` of a configuration as a resolved dict, checked against the annotation ``hint``.

    Raises:
        InputError: a value is missing, of another type, or refers to a missing key; or a key is unknown.
    """
    content = resolved(cfg, key)
    check(key, content, hint)
    return content


def resolved(cfg: DictConfig, key: str = "") -> dict[str, Any]:
    """Return the node ``key`` of a configuration as a resolved dict; import nothing that it names.

    Raises:
        InputError: a value is missing, or refers to a missing key.
    """
    with explained():
        node = OmegaConf.select(cfg, key) if key else cfg
        content = OmegaConf.to_container(node, resolve=True, throw_on_missing=True) if node is not None else {}
    assert isinstance(content, dict)
    return {str(name): value for name, value in content.items()}


def require_seed(key: str, value: int) -> int:
    """Return a seed if it is valid.

    Raises:
        InputError: the seed is not in 0, …, 2³² - 1.
    """
    if not 0 <= value < 2**32:
        raise InputError(f"{key}={value}: give a whole number from 0 to {2**32 - 1}")
    return value


def instantiate(node: Mapping[str, Any], key: str, kind: type[T], *given: object) -> T:
    """Call the ``_target_`` of a node with ``given`` and with the node's other values, and return the result.

    Raises:
        InputError: the target raised it, or the result is not of type ``kind``.
    """
    import hydra.utils
    from hydra.errors import InstantiationException

    try:
        made = hydra.utils.instantiate(dict(node), *given, _convert_="all")
    except InstantiationException as error:
        # the error of the target is more precise than Hydra's, and a bug must keep its own traceback
        raise error.__cause__ or InputError(" ".join(str(error).split())) from None
    if not isinstance(made, kind):
        raise InputError(f"{key}._target_={node.get('_target_')}: makes no {kind.__name__}; name one that does")
    return made


def check(key: str, value: Any, hint: Any) -> None:
    """Refuse a value that is not of the annotated type, or not within the limits of the annotation.

    A mapping is checked against the fields of the dataclass that annotates it, and against the parameters of its
    ``_target_``. Booleans are not numbers, numbers must be finite, text must not be empty.

    Raises:
        InputError: the value is of another type or out of range, or a key below it is missing or unknown; the message
            names the key.
    """
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    leaves = {bare: limits for bare, limits in map(_divided, options) if bare in LEAVES}
    others = [option for option in options if _divided(option)[0] not in LEAVES]
    for leaf, limits in leaves.items():
        if _is(value, leaf):
            _require_within(key, value, LEAVES[leaf], limits)
            if Path in leaves and isinstance(value, str):
                expanded(key, value)
            return
    if others and not (value is None and leaves):
        _check_composed(key, value, others[0])
        return
    words = " or ".join(dict.fromkeys(LEAVES[leaf] for leaf in leaves))
    large = " that fits in 64 bits" if isinstance(value, int) and not -LARGEST < value < LARGEST else ""
    quote = f"; quote it twice: \"{key}='{show(value)}'\"" if str in leaves and isinstance(value, int | float) else ""
    raise InputError(f"{key}={shortened(show(value), 100)}: must be {words}{large}{quote}")


def allowed(hint: Any) -> str:
    """Return the values that an annotation allows, such as ``a whole number, at least 1 or null``; empty if any."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    words = []
    for bare, limits in map(_divided, options):
        if get_origin(bare) is Literal:
            *names, last = map(show, get_args(bare))
            words.append(f"{', '.join(names)} or {last}" if names else last)
        elif bare in LEAVES:
            words.append(", ".join([LEAVES[bare], *(f"{LIMITS[name][1]} {bound}" for name, bound in _bounds(limits))]))
    return " or ".join(dict.fromkeys(words))


def check_but(left_out: str, content: Mapping[str, Any]) -> None:
    """Check a whole configuration but for one node, and import nothing that this node names.

    Raises:
        InputError: as of :func:`check`, which is still to be called.
    """
    if any(field.default is MISSING and field.name not in content for field in fields(Settings)):
        check("", content, Settings)
    for key, hint in get_type_hints(Settings, include_extras=True).items():
        if key in content and key != left_out:
            check(key, content[key], hint)


def _divided(hint: Any) -> tuple[Any, Sequence[Any]]:
    """Return an annotation without its limits, and the limits."""
    if get_origin(hint) is not Annotated:
        return hint, ()
    bare, *limits = get_args(hint)
    return bare, limits


def _require_within(key: str, value: Any, words: str, limits: Sequence[Any]) -> None:
    bounds = _bounds(limits)
    if not all(LIMITS[name][0](value, bound) for name, bound in bounds):
        limits_text = " and ".join(f"{LIMITS[name][1]} {bound}" for name, bound in bounds)
        raise InputError(f"{key}={show(value)}: must be {words}, {limits_text}")


def _bounds(limits: Sequence[Any]) -> list[tuple[str, Any]]:
    """Return (name in `LIMITS`, bound) for all limits of an annotation."""
    every = [(name, getattr(limit, name, None)) for limit in limits for name in LIMITS]
    return [(name, bound) for name, bound in every if bound is not None]


def show(value: Any) -> str:
    """Return a value as it is written on the command line."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _is(value: Any, leaf: type) -> bool:
    if isinstance(value, int) and not isinstance(value, bool) and not -LARGEST < value < LARGEST:
        return False
    if leaf is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if leaf in (str, Path):
        return isinstance(value, str) and value != ""
    return isinstance(value, leaf) and (leaf is bool or not isinstance(value, bool))


def _check_composed(key: str, value: Any, hint: Any) -> None:
    origin = get_origin(hint)
    if hint in (Any, inspect.Parameter.empty):
        return
    if origin is Literal:
        require_choice(show(value), key, get_args(hint))
    elif origin is Callable and isinstance(value, Mapping):
        _check_keys(key, value, MethodKeys)
    elif origin is list:
        if not isinstance(value, list) or not value:
            raise InputError(f"{key}={show(value)}: list at least one value, or leave the key out")
        for item in value:
            check(key, item, get_args(hint)[0])
    elif not isinstance(value, Mapping):
        raise InputError(f"{key}={show(value)}: holds keys of its own; choose one of its configurations (zsl list)")
    elif origin is not None:
        for name, item in value.items():
            check(f"{key}.{name}", item, get_args(hint)[1])
    else:
        _check_keys(key, value, hint)


def _check_keys(key: str, node: Mapping[str, Any], hint: Any) -> None:
    allowed: dict[str, tuple[Any, bool]] = {}
    if is_dataclass(hint):
        signature = inspect.signature(hint, eval_str=True)  # type: ignore[arg-type]
        names = [field.name for field in fields(hint)]
        allowed = {name: _expected(signature.parameters[name]) for name in names}
    if "_target_" in node:
        allowed |= {name: _expected(p) for name, p in _parameters(key, node["_target_"]).items()}
    elif hint in COMPOSED or not is_dataclass(hint):
        raise InputError(f"{key}._target_ is missing; choose one of the configurations of {key} (zsl list)")
    prefix = f"{key}." if key else ""
    for name, value in node.items():
        if name in allowed:
            check(prefix + name, value, allowed[name][0])
        elif name not in ("_target_", "_convert_", "_partial_"):
            raise InputError(f"{prefix}{name}: there is no such key; {nearest(name, list(allowed), prefix)}")
    for name, (_, needed) in allowed.items():
        if needed and name not in node:
            raise InputError(f"{prefix}{name} is missing; add {prefix}{name}=…")


def _expected(parameter: inspect.Parameter) -> tuple[Any, bool]:
    return parameter.annotation, parameter.default is inspect.Parameter.empty


def _parameters(key: str, target: Any) -> dict[str, inspect.Parameter]:
    try:
        parameters = inspect.signature(pkgutil.resolve_name(target), eval_str=True).parameters
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{key}._target_={show(target)}: {error}; name what can be imported and called") from error
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: p for name, p in parameters.items() if p.kind in named and name not in GIVEN}
