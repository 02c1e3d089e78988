"""Parts of a saved model as plain data: written from objects, and built again from what the package offers alone.

A saved model may be anybody's. The ``_target_`` of a part is compared, as text, with the classes that the package has
in that role, that the caller has handed over, or that plug-ins of the user offer; nothing is imported by what a file
says.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from zsl.errors import InputError, missing_plugin
from zsl.methods import KINDS
from zsl.methods.method import ZSLModel
from zsl.methods.recipe import Kind, Recipe, parameters

TARGET, PARTIAL = "_target_", "_partial_"
SETTINGS = (TARGET, PARTIAL, "_convert_")
"""keys that are no arguments"""
OFFERED: Mapping[str, frozenset[str]] = {
    "method": frozenset(f"zsl.methods.{module}.{name}" for name, module in KINDS.items()),
    "class_embedding": frozenset(
        f"zsl.class_embeddings.{name}"
        for name in (
            "attributes.Attributes",
            "concat.Concat",
            "concat.Part",
            "matrix.Matrix",
            "prompts.Prompts",
            "sentence.Sentence",
            "tokens.Tokens",
            "word_vectors.WordVectors",
        )
    ),
    "backbone": frozenset(
        f"zsl.backbones.{name}"
        for name in (
            "efficientnet_lite.EfficientNetLite0",
            "open_clip.OpenCLIP",
            "pixels.Pixels",
            "timm.Timm",
            "torchvision.Torchvision",
            "transformers.Transformers",
        )
    ),
    "correction": frozenset(
        f"zsl.evaluation.corrections.{name}" for name in ("none.Uncorrected", "calibrated_stacking.CalibratedStacking")
    ),
}
"""role -> classes that a saved model may name"""
Node = Mapping[str, Any]
Plugged = Callable[[str, str], Any]
"""(role, ``_target_``) -> the class that a plug-in of the user offers in this role; None if none does"""


def no_plugin(_role: str, _target: str) -> None:
    """Return None: without plug-ins, nothing is offered but what the package has."""


def of_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as data: its class and every hyperparameter, defaults included."""
    defaults = {name: each.default for name, each in parameters(recipe.kind).items() if each.default is not each.empty}
    values = {**defaults, **recipe.hyperparameters}
    return {TARGET: path_of(recipe.kind), **{name: _data(value) for name, value in values.items()}}


def of_object(thing: object) -> dict[str, Any]:
    """Return a dataclass such as a class embedding, or an object without arguments such as a backbone, as data.

    Raises:
        InputError: the object is no dataclass and its class takes arguments, which could not be read back.
    """
    found: dict[str, Any] = {TARGET: path_of(type(thing))}
    if not is_dataclass(thing) and inspect.signature(type(thing)).parameters:
        raise InputError(f"{found[TARGET]}: takes arguments that cannot be saved; make it a dataclass")
    if is_dataclass(thing):
        found |= {each.name: _data(getattr(thing, each.name)) for each in fields(thing) if each.init}
    return found


def path_of(kind: type) -> str:
    """Return the dotted path of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def built(node: Node, role: str, place: str, own: Iterable[type] = (), plugged: Plugged = no_plugin) -> Any:
    """Build what a node describes, its parts first; a part that lacks arguments stays a function of these.

    Args:
        node: of a saved model.
        role: key of :data:`OFFERED`.
        place: the file, for the message.
        own: classes of the caller's that the node may name, too.
        plugged: finds what plug-ins offer.

    Raises:
        InputError: the node names another class, or the class refuses its arguments.
    """
    mine = {path_of(kind): kind for kind in own}

    def make(value: Any) -> Any:
        if isinstance(value, list):
            return [make(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if TARGET not in value:
            return {key: make(item) for key, item in value.items()}
        target = value[TARGET]
        kind = mine.get(target)
        if kind is None and target in OFFERED[role]:
            kind = getattr(import_module(target.rpartition(".")[0]), target.rpartition(".")[2])
        if kind is None and (kind := plugged(role, target)) is None:
            what = f"names {target!r}, which zsl does not offer as a {role}"
            raise InputError(f"{place}: {what}; {missing_plugin(target)}")
        unknown = [key for key in value if key.startswith("_") and key not in SETTINGS]
        if unknown:
            raise InputError(f"{place}: {role}: {unknown[0]!r} is no argument; the file is not what zsl wrote")
        arguments = {key: make(item) for key, item in value.items() if key not in SETTINGS}
        try:
            return partial(kind, **arguments) if value.get(PARTIAL) else kind(**arguments)
        except TypeError as error:
            raise InputError(f"{place}: {role}: {error}; the file is not what this version of zsl wrote") from error

    return make(node)


def _data(value: Any) -> Any:
    if isinstance(value, Recipe):
        return {**of_recipe(value), PARTIAL: True}
    if isinstance(value, Kind):
        return {**of_recipe(Recipe(value.kind)), PARTIAL: True}
    if isinstance(value, type) and issubclass(value, ZSLModel):
        return {**of_recipe(Recipe(value)), PARTIAL: True}
    if isinstance(value, Mapping):
        return {str(key): _data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_data(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return of_object(value)
    return str(value) if isinstance(value, Path) else value
