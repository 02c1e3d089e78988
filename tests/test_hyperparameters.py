"""Meaningless hyperparameters are refused by name: every method, every correction, every argument."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, TypedDict, Unpack

import pytest
from omegaconf import DictConfig, OmegaConf

from tests.configured import composed, names, target
from zsl.config.build import ANY_DATA, build_method
from zsl.config.checking import check, instantiate
from zsl.config.settings import CorrectionKeys
from zsl.evaluation.corrections.correction import Correction
from zsl.hyperparameters import passes_on_to
from zsl.methods.method import Dimensions
from zsl.testing.hyperparameters import LAWS, Hyperparameters, nonsense
from zsl.testing.law import Law, hold

Make = Callable[[str, str, dict[str, Any]], object]
ACCEPTED = {
    ("correction", "gamma", -1.0): "a negative γ favours seen classes, which is a point of the same curve",
    ("method", "bias", -1.0): "the bias of a sigmoid is negative where few pairs match",
    ("correction", "perfect", -1.0): "a perfect match scores what it scores, as minus a distance may",
}


def node(group: str, name: str) -> DictConfig:
    return copy.deepcopy(composed(group, name))


CHOICES = {(group, name): target(name, group) for group in ("method", "correction") for name in names(group)}


def hyperparameters(make: Make, group: str, name: str) -> Hyperparameters:
    """The arguments of a choice, and how it is built with some of them replaced."""
    accepted = [case for of, *case in ACCEPTED if of == group]
    return Hyperparameters(CHOICES[group, name], lambda new: make(group, name, new), group, [*map(tuple, accepted)])


def configured(group: str, name: str, changed: dict[str, Any]) -> object:
    """Build a choice of a group from its configuration, as a run does before there are data."""
    cfg = node(group, name)
    cfg.update(changed)
    content = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(content, dict)
    plain = {str(key): value for key, value in content.items()}
    if group == "method":
        return build_method(plain, ANY_DATA, {})
    check(group, plain, CorrectionKeys)
    return instantiate(plain, group, Correction)  # type: ignore[type-abstract]


def constructed(group: str, name: str, changed: dict[str, Any]) -> object:
    """Build a choice of a group in Python."""
    return CHOICES[group, name](*((ANY_DATA,) if group == "method" else ()), **changed)


@pytest.mark.parametrize("make", [configured, constructed])
@pytest.mark.parametrize(("group", "name"), sorted(CHOICES))
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_of_hyperparameters_holds(make: Make, group: str, name: str, law: Law[Hyperparameters]) -> None:
    hold(law, hyperparameters(make, group, name))


@pytest.mark.parametrize(("group", "name"), sorted(CHOICES))
def test_there_is_nonsense_for_every_annotation(group: str, name: str) -> None:
    parameters = inspect.signature(CHOICES[group, name], eval_str=True).parameters.values()
    assert all(nonsense(each.annotation) for each in parameters if each.annotation is not Dimensions)


def test_what_is_accepted_is_an_argument() -> None:
    every = [(group, *case) for group, name in CHOICES for case in hyperparameters(configured, group, name).cases()]
    assert all(case in every for case in ACCEPTED)


class Rest(TypedDict, total=False):
    """Keys that :class:`Child` passes on."""

    b: int
    c: float | None


class Base:
    def __init__(self, a: str, b: int = 2, c: float | None = None) -> None:
        self.given = a, b, c


class Child(Base):
    @passes_on_to(Base)
    def __init__(self, a: str = "a", **rest: Unpack[Rest]) -> None:
        super().__init__(a, **rest)


def test_a_signature_has_what_a_constructor_passes_on() -> None:
    parameters = inspect.signature(Child, eval_str=True).parameters
    assert {name: (p.annotation, p.default) for name, p in parameters.items()} == {
        "a": (str, "a"),
        "b": (int, 2),
        "c": (float | None, None),
    }
    assert Child(c=0.5).given == ("a", 2, 0.5)
    with pytest.raises(TypeError, match="d"):
        Child(d=1)  # type: ignore[call-arg]


def test_only_what_the_target_takes_can_be_passed_on() -> None:
    def target(b: int = 2) -> None: ...

    def constructor(**rest: Unpack[Rest]) -> None: ...

    with pytest.raises(KeyError, match="c"):
        passes_on_to(target)(constructor)
