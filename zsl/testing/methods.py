"""The contract of methods."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from zsl.config.build import ANY_DATA
from zsl.methods.method import ZSLModel
from zsl.methods.recipe import Kind, Recipe
from zsl.testing import grids, hyperparameters, scores, training
from zsl.testing.hyperparameters import Hyperparameters
from zsl.testing.law import hold_all
from zsl.testing.method_under_test import MethodUnderTest

LAWS = (*scores.LAWS, *training.LAWS, *grids.LAWS)
NOTHING: Mapping[str, Any] = MappingProxyType({})


def check_method(
    method: type[ZSLModel] | Kind | Recipe,
    given: Mapping[str, Any] = NOTHING,
    *,
    search: Mapping[str, Sequence[Any]] = NOTHING,
    accepted: Collection[tuple[str, Any]] = (),
) -> None:
    """Hold a method to every law of its contract, on small random data.

    Args:
        method: a class of methods, such as ``ESZSL``, or a recipe, such as ``ESZSL(gamma=1, lamb=1)``.
        given: hyperparameters; few epochs and narrow layers keep the check short. A method with gradients needs
            at least three steps, which three epochs give.
        search: hyperparameter -> values that a search tries; a closed form that solves a grid at once must solve each
            point of it as it solves the point alone.
        accepted: pairs of a hyperparameter and a value, such as ``("gamma", -1.0)``, that makes sense for it although
            it makes none for most.

    Raises:
        AssertionError: a law does not hold; the message names the law.
        InputError: the method has no such hyperparameter.
    """
    base = method if isinstance(method, Recipe) else Recipe(method.kind if isinstance(method, Kind) else method)
    recipe = Recipe(base.kind, {**base.hyperparameters, **given})
    own = Hyperparameters(recipe.kind, lambda new: recipe.kind(ANY_DATA, **new), "method", accepted)
    hold_all(hyperparameters.LAWS, own)
    hold_all(LAWS, MethodUnderTest(recipe, search))
