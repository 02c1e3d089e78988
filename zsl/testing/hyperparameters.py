"""The law of hyperparameters: what makes no sense is refused by its name, in one line."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from zsl.errors import InputError
from zsl.methods.method import Dimensions
from zsl.testing.law import require

NONSENSE: Mapping[type, tuple[Any, ...]] = {
    float: (math.nan, math.inf, -math.inf, -1.0, True, "much"),
    int: (0, -1, True, 1.5, math.nan, "many"),
    bool: (2, "maybe"),
    Path: (True, 1.5),
    str: (True, 1.5),
    list: (True, 1.5, "many", [1.5]),
}
"""type -> values that make no sense for a hyperparameter of that type"""


@dataclass(frozen=True)
class Hyperparameters:
    """The hyperparameters of a method or a correction under test."""

    target: Callable[..., object]
    make: Callable[[dict[str, Any]], object]
    """builds the object with some hyperparameters replaced"""
    key: str
    """beginning of a message: ``method`` or ``correction``"""
    accepted: Collection[tuple[str, Any]] = ()
    """pairs of a hyperparameter and a value that makes sense for it all the same"""

    def __str__(self) -> str:
        return str(getattr(self.target, "__name__", self.target))

    def cases(self) -> list[tuple[str, Any]]:
        """Return pairs of a hyperparameter and a value that makes no sense for its annotation."""
        parameters = inspect.signature(self.target, eval_str=True).parameters.values()
        own = [each for each in parameters if each.annotation is not Dimensions]
        return [(each.name, value) for each in own for value in nonsense(each.annotation)]


def nonsense(hint: Any) -> tuple[Any, ...]:
    """Return values that make no sense for a hyperparameter of an annotation; none for annotations of other classes."""
    if get_origin(hint) is Literal:
        return ("nothing_like_it", None, 1)
    if get_origin(hint) is Callable:
        return ("nothing_like_it", 1, None)
    options = (hint,) if get_origin(hint) is list else get_args(hint) or (hint,)
    bare = dict.fromkeys(
        option if get_origin(option) is Literal else get_origin(option) or option for option in options
    )
    values = tuple(
        value
        for option in bare
        for value in (("nothing_like_it", 1) if get_origin(option) is Literal else NONSENSE.get(option, ()))
    )
    return values if type(None) in options or not values else (*values, None)


def nonsense_is_refused_by_name(given: Hyperparameters) -> None:
    """Require that a hyperparameter that makes no sense is refused by an InputError of one line that begins with it."""
    for name, value in given.cases():
        line = answer(given, name, value)
        if (name, value) in given.accepted:
            require(line is None, f"{name}={value!r} makes sense, and is refused: {line}")
        else:
            require(line is not None, f"{name}={value!r} is accepted")
            require(str(line).startswith(f"{given.key}.{name}="), f"{name}={value!r} is refused by: {line}")
            require("\n" not in str(line), f"{name}={value!r} is refused in several lines")


def every_hyperparameter_is_named(given: Hyperparameters) -> None:
    """Require that every hyperparameter is named in the signature, which configurations are checked against."""
    hiding = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    starred = [each.name for each in inspect.signature(given.target).parameters.values() if each.kind in hiding]
    require(not starred, f"*{', *'.join(starred)} hides names; write them out, or see zsl.hyperparameters.passes_on_to")


def answer(given: Hyperparameters, name: str, value: Any) -> str | None:
    """Return the message that refuses a value, or None if the value is accepted."""
    try:
        given.make({name: value})
    except InputError as error:
        return error.args[0] if error.args else ""
    return None


LAWS = (every_hyperparameter_is_named, nonsense_is_refused_by_name)
