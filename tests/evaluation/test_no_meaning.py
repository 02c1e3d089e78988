"""Meaningless input is refused by every public function of the metrics, never turned into a number."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from zsl.errors import InputError
from zsl.evaluation import accuracy, calibration, curve, gzsl, hubness, scored_images, statistics, synthetic

SCORES = np.array([[0.1, 0.9, 0.3], [0.8, 0.2, 0.4], [0.3, 0.1, 0.7]])
GOOD: dict[str, Any] = {
    "scores": SCORES,
    "labels": np.array([1, 0, 2]),
    "seen": np.array([True, True, False]),
    "occurrence": np.array([3, 1, 0]),
    "bad_occurrence": np.array([2, 0, 0]),
    "u": np.array([10.0, 20.0]),
    "s": np.array([30.0, 40.0]),
    "gamma": 0.5,
    "temperature": 1.0,
    "k": 1,
    "real": torch.eye(3),
    "made": torch.eye(3),
    "confidence": np.array([0.5, 0.8, 1.0]),
    "right": np.array([True, False, True]),
}
GOOD["stream"] = scored_images.ScoredImages(SCORES, GOOD["labels"], GOOD["seen"])
GOOD["images"] = statistics.gather(GOOD["stream"], sample=True)
"""an argument that is right, by its name"""
BAD = {
    "scores": [np.where(SCORES == 0.9, value, SCORES) for value in (math.nan, math.inf)],
    "occurrence": [np.array([1.0, math.nan, 0]), np.array([1.0, math.inf, 0]), np.array([1, -1, 0])],
    "bad_occurrence": [np.array([1.0, math.nan, 0]), np.array([0, -1, 0])],
    "u": [-1.0, math.nan, math.inf, np.array([1.0, -1.0])],
    "s": [-1.0, math.nan, math.inf, np.array([math.nan, 1.0])],
    "gamma": [math.nan, math.inf],
    "temperature": [math.nan, math.inf, 0.0, -1.0],
    "k": [0, -1],
    "real": [torch.eye(3) * math.nan],
    "made": [torch.eye(3).fill_diagonal_(math.inf)],
}
"""values of an argument that have no meaning"""
MODULES = (accuracy, calibration, curve, gzsl, hubness, synthetic, scored_images)


def functions() -> Iterator[Callable[..., Any]]:
    """Return every public function whose arguments are numbers that a user can give."""
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_") and BAD.keys() & named(function):
                yield function


def named(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)


def call(function: Callable[..., Any], **changes: Any) -> Any:
    needed = {
        name for name, it in inspect.signature(function).parameters.items() if it.default is inspect.Parameter.empty
    }
    return function(**{name: GOOD[name] for name in needed if name in GOOD} | changes)


@pytest.mark.parametrize("function", list(functions()), ids=lambda function: function.__name__)
def test_what_has_no_meaning_is_refused(function: Callable[..., Any]) -> None:
    if "classes" in named(function) or "hit" in named(function):
        pytest.skip("its arguments are made by other functions, which check theirs")
    call(function)
    for name in sorted(BAD.keys() & named(function)):
        for value in BAD[name]:
            with pytest.raises(InputError):
                call(function, **{name: value})


def test_a_curve_has_no_point_at_nan() -> None:
    found = curve.seen_unseen_curve(GOOD["images"])
    with pytest.raises(InputError, match="NaN"):
        found.at(math.nan)
    u, s, _ = found.at(-math.inf)
    assert (u, s) == (found.u[0], found.s[0])
