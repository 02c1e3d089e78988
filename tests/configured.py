"""Methods as conf/method/ has them: found without being built, composed once, made small."""

from __future__ import annotations

import atexit
import copy
import functools
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from tests.two_towers import checkpoint
from zsl.config.compose import compose
from zsl.config.tree import tree
from zsl.methods.method import Dimensions, ZSLModel
from zsl.methods.recipe import Recipe


def names(group: str) -> list[str]:
    """What can be chosen from a group."""
    return sorted(path.stem for path in (tree() / "conf" / group).glob("*.yaml"))


METHODS = names("method")


@functools.cache
def keys(name: str, group: str = "method") -> dict[str, Any]:
    """What its file says, and those that the file starts from; to choose parameters of tests without composing."""
    content = yaml.safe_load((tree() / "conf" / group / f"{name}.yaml").read_text(encoding="utf-8"))
    bases = [base for base in content.pop("defaults", []) if isinstance(base, str) and base != "_self_"]
    return {key: value for part in (*(keys(base, group) for base in bases), content) for key, value in part.items()}


def target(name: str, group: str = "method") -> type:
    """Its class."""
    found = get_object(keys(name, group)["_target_"])
    assert isinstance(found, type)
    return found


def kind(method: str) -> type[ZSLModel]:
    """The same of a method."""
    found = target(method)
    assert issubclass(found, ZSLModel)
    return found


@functools.cache
def composed(group: str, name: str) -> DictConfig:
    """A choice of a group as a run would have it; not to be changed."""
    cfg = compose([f"{group}={name}"])[group]
    assert isinstance(cfg, DictConfig)
    return cfg


def config(method: str) -> DictConfig:
    """A method of few steps and narrow layers."""
    cfg = copy.deepcopy(composed("method", method))
    for node in (cfg, *(part for part in cfg.values() if isinstance(part, DictConfig))):
        for steps in {"epochs", "iterations", "classifier_epochs"} & set(node):
            node[steps] = 3
    if kind(method).token_ids or kind(method).pixels:
        cfg.checkpoint = str(small_tower())
        cfg.batch_size = 16
    for node in (cfg, cfg.get("space") or {}):
        for width in {name for name in node if str(name).endswith(("hidden", "_per_class"))}:
            node[width] = 16
    return cfg


@functools.cache
def small_tower() -> Path:
    """The folder of a two-tower checkpoint of random weights, removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="zsl-tower-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return checkpoint(folder / "clip", "clip")


def recipe(method: str) -> Recipe:
    """The same without Hydra: a class, with its hyperparameters and those of its head."""
    node = OmegaConf.to_container(config(method), resolve=True)
    assert isinstance(node, dict)
    return _recipe(node)


def _recipe(node: Mapping[Any, Any]) -> Recipe:
    values = {name: value for name, value in node.items() if not name.startswith("_")}
    parts = {name: _recipe(value) for name, value in values.items() if isinstance(value, dict) and "_target_" in value}
    return Recipe(get_object(node["_target_"]), {**values, **parts})


def build(method: str, dims: Dimensions) -> ZSLModel:
    """The same as a model of these sizes."""
    model = instantiate(config(method), dims)
    assert isinstance(model, ZSLModel)
    return model
