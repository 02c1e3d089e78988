"""Hyperparameters of methods: constructors that pass them on, and checks that refuse a value by its name."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, get_args, get_type_hints

from zsl.errors import InputError

Constructor = TypeVar("Constructor", bound=Callable[..., None])

Duration: TypeAlias = str | None
"""text such as ``90s``, ``5min`` or ``1.5h``; None for any time"""
UNITS = {"s": 1, "min": 60, "h": 3600}
"""unit of a duration -> seconds"""

LARGEST, DEEPEST = 1_000_000, 100
"""largest count of anything, and largest number of layers"""


def passes_on_to(target: Callable[..., Any]) -> Callable[[Constructor], Constructor]:
    """Return a decorator of constructors that end in ``**rest: Unpack[Keys]`` and pass ``rest`` on to ``target``.

    In the signature of the decorated constructor every key of the ``TypedDict`` stands in place of ``**rest``, with the
    annotation and the default that ``target`` has for it. Configurations are checked against signatures, so that a key
    that is passed on is checked like a key that is written out.

    Args:
        target: a class, or another callable, with a parameter for every key of ``Keys``.

    Raises:
        KeyError: of the decorator, if ``target`` has no parameter of the name of a key.
    """
    taken = inspect.signature(target, eval_str=True).parameters

    def expand(constructor: Constructor) -> Constructor:
        own = inspect.signature(constructor, eval_str=True)
        *named, rest = own.parameters.values()
        (keys,) = get_args(rest.annotation)
        passed = [taken[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in get_type_hints(keys)]
        constructor.__signature__ = own.replace(parameters=[*named, *passed])  # type: ignore[attr-defined]
        return constructor

    return expand


def passes(steps: int, images: int, batch_size: int) -> int:
    """Return the least number of passes over the images that makes this number of steps, a batch each."""
    return -(-steps // -(-images // batch_size))


def require_positive(**values: float) -> None:
    """Refuse hyperparameters that are not finite and greater than 0, by name.

    Raises:
        InputError: a value is not.
    """
    for name, value in values.items():
        if not (_is_number(value) and 0 < value < math.inf):
            raise InputError(f"method.{name}={value}: must be a finite number greater than 0")


def seconds(**given: Duration) -> float | None:
    """Return a duration, given by the name of its hyperparameter, in seconds.

    Raises:
        InputError: it is no duration greater than 0.
    """
    ((name, value),) = given.items()
    if value is None:
        return None
    found = re.fullmatch(r"\s*([0-9.]+)\s*(s|min|h)\s*", value) if isinstance(value, str) else None
    try:
        length = float(found[1]) * UNITS[found[2]] if found else 0.0
    except ValueError:
        length = 0.0
    if not 0 < length < math.inf:
        raise InputError(f"method.{name}={value}: must be a time such as 90s, 5min or 1h")
    return length


def require_finite(**values: float) -> None:
    """Refuse hyperparameters that are no finite numbers, by name.

    Raises:
        InputError: a value is none.
    """
    for name, value in values.items():
        if not (_is_number(value) and math.isfinite(value)):
            raise InputError(f"method.{name}={value}: must be a finite number")


def require_within(low: float, high: float, **values: float) -> None:
    """Refuse hyperparameters outside [low, high), by name.

    Raises:
        InputError: a value is outside.
    """
    for name, value in values.items():
        if not (_is_number(value) and low <= value < high):
            raise InputError(f"method.{name}={value}: must be a number of at least {low:g} and less than {high:g}")


def require_count(**values: int) -> None:
    """Refuse hyperparameters that are not whole numbers of at least 1, or larger than any use of them, by name.

    Raises:
        InputError: a value is below 1, or above :data:`LARGEST`, or a number of layers above :data:`DEEPEST`.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"method.{name}={value}: must be a whole number of at least 1")
        most = DEEPEST if name.endswith("layers") else LARGEST
        if value > most:
            raise InputError(f"method.{name}={value}: must be a whole number of at most {most}")


def require_flag(**values: bool) -> None:
    """Refuse hyperparameters that are not true or false, by name.

    Raises:
        InputError: a value is not.
    """
    for name, value in values.items():
        if not isinstance(value, bool):
            raise InputError(f"method.{name}={value}: must be true or false")


def require_text(**values: str) -> None:
    """Refuse hyperparameters that are no text, by name.

    Raises:
        InputError: a value is none.
    """
    for name, value in values.items():
        if not isinstance(value, str):
            raise InputError(f"method.{name}={value}: must be text")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def require_choice(value: str, key: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not among the allowed ones.

    Raises:
        InputError: the value is not allowed; the message begins with ``key``.
    """
    if value not in allowed:
        raise InputError(f"{key}={value} is unknown; choose one of {', '.join(allowed)}")
