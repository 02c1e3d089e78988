"""Experiments whose published numbers can stand beside a run that was started without any experiment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, cast

import yaml
from omegaconf import OmegaConf

from zsl.config.compose import compose
from zsl.config.hydra_errors import explained
from zsl.config.tree import choices, files
from zsl.errors import InputError
from zsl.outputs.claims import Claim, claims
from zsl.outputs.result import Result
from zsl.reporting.comparability import adjustable
from zsl.reporting.table import OF_SELECTION, PATH_KEYS, row_key
from zsl.reporting.wording import value

CHOICES = ("data", "class_embedding", "correction")
"""groups in which an experiment is composed with the choices of the run; claims state what theirs were"""
POLICY = "selection.policy"
NAMED = 3
"""greatest number of differing keys that a reason names; further ones are counted"""


@dataclass(frozen=True)
class Published:
    """Published numbers of the method of a run, and how the run differs from the experiment that states them."""

    experiment: str
    claims: Sequence[Claim]
    differences: Sequence[str]
    """keys that make the run another experiment, with both values"""


def published(result: Result) -> Iterator[Published]:
    """Yield every experiment of the method of a run that has a published number on its data set.

    Raises:
        InputError: a claim is invalid.
    """
    for name in experiments_of(result.method):
        stated, config = _composed(name, tuple(_choices(result)))
        found = claims(stated, f"experiments={name}: published")
        if any(claim.data == result.data for claim in found):
            yield Published(name, found, _differences(result, config))


@cache
def experiments_of(method: str) -> tuple[str, ...]:
    """Return the names of the experiments of a method."""
    return tuple(name for name in choices()["experiments"] if _method(name) == method)


def _method(name: str) -> str | None:
    """Return the method that the file of an experiment chooses, or the file that it is based on."""
    text = files("experiments")[name].read_text(encoding="utf-8")
    defaults = (yaml.safe_load(text) or {}).get("defaults", [])
    for entry in defaults:
        if isinstance(entry, Mapping) and "override /method" in entry:
            return str(entry["override /method"])
    bases = [entry for entry in defaults if isinstance(entry, str) and entry != "_self_"]
    return _method(bases[0]) if bases else None


def _choices(result: Result) -> Iterator[str]:
    """Yield the overrides that choose data, class embedding and correction as the run did, where they are known."""
    typed = {key: word for key, _, word in (override.partition("=") for override in result.overrides)}
    known = choices()
    for group, name in zip(CHOICES, (result.data, result.class_embedding, result.correction), strict=True):
        if (chosen := typed.get(group, name)) in known[group]:
            yield f"{group}={chosen}"
    yield from (override for override in result.overrides if override.partition("=")[0] == "data.name")


@cache
def _composed(name: str, chosen: tuple[str, ...]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return what an experiment publishes, and its resolved configuration; None for the latter if it has none.

    An experiment has no configuration on data for which it states no hyperparameters. Paths are left out: they may
    refer to variables of the environment that a report does not need.
    """
    cfg = compose([f"experiments={name}", *chosen])
    stated = OmegaConf.to_container(cfg.published, resolve=True) if cfg.published is not None else None
    for group, key in product(("data", "class_embedding"), PATH_KEYS):
        if key in cfg[group]:
            cfg[group][key] = None
    try:
        with explained():
            content = OmegaConf.to_container(cfg, resolve=True)
    except InputError:
        content = None
    return cast("dict[str, Any] | None", stated), cast("dict[str, Any] | None", content)


def _differences(result: Result, config: Mapping[str, Any] | None) -> list[str]:
    if config is None:
        return ["it states no hyperparameters for these data"]
    experiment = _as_experiment(result, config)
    ours, theirs = (dict(row_key(each).config) for each in (result, experiment))
    keys = [key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key) and not adjustable(key)]
    if experiment.selection.policy != result.selection.policy:  # all else about the choice follows from that
        keys = [key for key in keys if key == POLICY or key.partition(".")[0] not in (*OF_SELECTION, "protocol")]
    keys.sort(key=lambda key: (key != POLICY, not key.startswith("method."), key))
    words = [f"{key}={value(ours.get(key))}, not {value(theirs.get(key))}" for key in keys]
    return words[:NAMED] + [f"and {len(words) - NAMED} more"] * (len(words) > NAMED)


def _as_experiment(result: Result, config: Mapping[str, Any]) -> Result:
    """Return a result of the experiment that chose what the run chose."""
    policy = str(config["selection"]["policy"])
    return replace(result, config=json.loads(json.dumps(config)), selection=replace(result.selection, policy=policy))
