"""Laws of closed forms that solve a grid of hyperparameters at once."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin

import torch

from zsl.data.examples import Examples
from zsl.data.protocol import Stage, final
from zsl.methods.method import Dimensions, ZSLModel
from zsl.testing.law import require
from zsl.testing.method_under_test import MethodUnderTest
from zsl.testing.worlds import source

ORDERED = 12
"""points that are solved in two orders"""


def a_grid_equals_its_points(given: MethodUnderTest) -> None:
    """Require that each point of a grid solved at once equals the point solved alone, to 1e-8 in float64.

    The grid has every combination of the search space, and every value of a hyperparameter that is a ``Literal``. Each
    point is solved on features of its own, so that nothing that was decomposed for the grid is found there.
    """
    stage, make = _stage(), _maker(given)
    train = stage.training(given.recipe.kind.setting)
    train = replace(
        train,
        examples=Examples(train.examples.tensor.double(), train.examples.labels),
        classes=train.classes.to("cpu", torch.float64),
    )
    points = _points(given)
    solved = given.recipe.kind.solve_grid(train, (make(point).double() for point in points))
    if solved is None:
        return
    for point, model in zip(points, solved, strict=True):
        alone = make(point).double()
        alone.finalize(replace(train, examples=Examples(train.examples.tensor.clone(), train.examples.labels)))
        for key, value in alone.state_dict().items():
            torch.testing.assert_close(model.state_dict()[key], value, rtol=1e-8, atol=1e-8, msg=f"{point}: {key}")


def a_grid_is_the_same_in_any_order(given: MethodUnderTest) -> None:
    """Require that the solution of a point does not depend on the points before it, bit by bit."""
    kind, train, make = given.recipe.kind, _stage().training(given.recipe.kind.setting), _maker(given)
    points = _points(given)[:ORDERED]
    forth, back = (kind.solve_grid(train, map(make, order)) for order in (points, points[::-1]))
    if forth is None or back is None:
        return
    for point, one, other in zip(points, forth, list(back)[::-1], strict=True):
        for key, value in one.state_dict().items():
            require(torch.equal(other.state_dict()[key], value), f"{point}: {key} differs")


def _stage() -> Stage:
    return final(source(seed=2, train=8, per_class=6, k=5))


def _points(given: MethodUnderTest) -> list[dict[str, Any]]:
    parameters = inspect.signature(given.recipe.kind, eval_str=True).parameters
    literal = {name: p.annotation for name, p in parameters.items() if get_origin(p.annotation) is Literal}
    axes = {**given.search, **{name: get_args(annotation) for name, annotation in literal.items()}}
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _maker(given: MethodUnderTest) -> Callable[[dict[str, Any]], ZSLModel]:
    dims, own = Dimensions(*_stage().dims), given.recipe.hyperparameters
    return lambda point: given.recipe.kind(dims, **{**own, **point})


LAWS = (a_grid_equals_its_points, a_grid_is_the_same_in_any_order)
