"""Meaningless hyperparameters are refused by name: every method, every correction, every argument."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable
from typing import Any, Literal, TypedDict, Unpack, get_args, get_origin

import pytest
from omegaconf import DictConfig, OmegaConf

from tests.configured import composed, names, target
from zsl.config.build import ANY_DATA, build_method
from zsl.config.settings import CorrectionKeys, check, instantiate
from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.hyperparameters import passes_on_to
from zsl.methods.method import Dimensions

Make = Callable[[str, str, dict[str, Any]], object]
NONSENSE: dict[type, tuple[Any, ...]] = {
    float: (math.nan, math.inf, -math.inf, -1.0, True, "much"),
    int: (0, -1, True, 1.5, math.nan, "many"),
    bool: (2, "maybe"),
}
ACCEPTED = {
    ("correction", "gamma", -1.0): "a negative γ favours seen classes, which is a point of the same curve",
    ("correction", "perfect", -1.0): "a perfect match scores what it scores, as minus a distance may",
    **{
        ("method", f"{weight}_start", 0): "a weight may rise from the first epoch on"
        for weight in ("beta", "gamma", "delta")
    },
}


def node(group: str, name: str) -> DictConfig:
    return copy.deepcopy(composed(group, name))


def nonsense(hint: Any) -> tuple[Any, ...]:
    """Return values that are meaningless for any argument of this annotation, but for those of ``ACCEPTED``."""
    if get_origin(hint) is Literal:
        return ("nothing_like_it", None, 1)
    if get_origin(hint) is Callable:
        return ("nothing_like_it", 1, None)
    options = get_args(hint) or (hint,)
    values = tuple(value for option in options for value in NONSENSE.get(option, ()))
    assert values, f"{hint}: say here what makes no sense for it"
    return values if type(None) in options else (*values, None)


CHOICES = {(group, name): target(name, group) for group in ("method", "correction") for name in names(group)}


def cases(group: str, name: str) -> list[tuple[str, Any]]:
    """Return pairs of an argument and a meaningless value."""
    parameters = inspect.signature(CHOICES[group, name], eval_str=True).parameters.values()
    return [(p.name, value) for p in parameters if p.annotation is not Dimensions for value in nonsense(p.annotation)]


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


def answer(make: Make, group: str, name: str, changed: dict[str, Any]) -> str | None:
    """Return the error message, or None if the values are accepted."""
    try:
        make(group, name, changed)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("make", [configured, constructed])
@pytest.mark.parametrize(("group", "name"), sorted(CHOICES))
def test_nonsense_is_refused_by_name(make: Make, group: str, name: str) -> None:
    for argument, value in cases(group, name):
        line = answer(make, group, name, {argument: value})
        if (group, argument, value) in ACCEPTED:
            assert line is None, line
        else:
            assert line is not None, f"{group}={name}: {argument}={value!r} is accepted"
            assert line.startswith(f"{group}.{argument}="), line
            assert "\n" not in line


def test_what_is_accepted_is_an_argument() -> None:
    assert set(ACCEPTED) <= {(choice[0], *case) for choice in CHOICES for case in cases(*choice)}


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


@pytest.mark.parametrize(("group", "name"), sorted(CHOICES))
def test_every_argument_is_named_in_the_signature(group: str, name: str) -> None:
    kinds = {p.kind for p in inspect.signature(CHOICES[group, name]).parameters.values()}
    assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
