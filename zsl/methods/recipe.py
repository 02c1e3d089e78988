"""A method with its hyperparameters, before the sizes of the data are known."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from zsl.errors import InputError
from zsl.methods.method import Dimensions, ZSLModel


@dataclass(frozen=True)
class Recipe:
    """A class of methods and the hyperparameters that it is built with: ``ESZSL(gamma=1, lamb=1)``.

    A recipe called with :class:`~zsl.methods.method.Dimensions` builds the method, so that a recipe is also the head
    of a generator: ``FCLSWGAN(head=ALE(lr=0.1))``.

    Raises:
        InputError: a hyperparameter is not one of the method.
    """

    kind: type[ZSLModel]
    hyperparameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        known = parameters(self.kind)
        for name in self.hyperparameters:
            if name not in known:
                has = ", ".join(known) or "none"
                raise InputError(f"{self.kind.__name__}({name}=…): there is no such hyperparameter; it has {has}")

    def __call__(self, dims: Dimensions) -> ZSLModel:
        """Build the method for data of these sizes.

        Raises:
            InputError: a hyperparameter is out of range.
        """
        return self.kind(dims, **self.hyperparameters)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.hyperparameters.items())
        return f"{self.kind.__name__}({given})"


class Kind:
    """A class of methods as ``zsl.methods`` offers it: called with hyperparameters, it makes a :class:`Recipe`."""

    def __init__(self, kind: type[ZSLModel]) -> None:
        self.kind = kind
        self.__name__, self.__doc__, self.__module__ = kind.__name__, kind.__doc__, kind.__module__
        self.__signature__ = inspect.Signature(list(parameters(kind).values()))

    def __call__(self, *unnamed: object, **hyperparameters: Any) -> Recipe:
        """Make a recipe.

        Raises:
            InputError: a hyperparameter is not one of the method, or is given without its name.
        """
        if unnamed:
            names = ", ".join(f"{name}=…" for name in parameters(self.kind)) or "none"
            raise InputError(f"{self.__name__}({unnamed[0]!r}): hyperparameters need their names, of {names}")
        return Recipe(self.kind, hyperparameters)

    def __repr__(self) -> str:
        return f"{self.__name__}{self.__signature__}"


def recipe_of(method: object) -> Recipe:
    """Return a method as a recipe: with hyperparameters, without (its defaults), or a class of the user's own.

    Raises:
        InputError: the value is no method.
    """
    if isinstance(method, Recipe):
        return method
    kind = method.kind if isinstance(method, Kind) else method
    if isinstance(kind, type) and issubclass(kind, ZSLModel):
        return Recipe(kind)
    what = repr(method) if isinstance(method, str) else f"a {type(method).__name__}"
    raise InputError(f"method: {what} is no method; give one of zsl.methods, such as ESZSL(gamma=1)")


def parameters(kind: type[ZSLModel]) -> dict[str, inspect.Parameter]:
    """Return the hyperparameters of a class of methods: the parameters of its constructor but ``dims``, by name."""
    found = inspect.signature(kind).parameters
    return {
        name: each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, each in found.items()
        if name != "dims" and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    }
