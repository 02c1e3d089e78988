"""A configuration -> what it names: data set and class embeddings, stage, method, correction, loop, search.

Whatever can be known to be wrong is refused by the name of its key, before data is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from zsl.class_embeddings.embedding import ClassEmbedding
from zsl.config.compose import compose_choice
from zsl.config.memory import Recent, stamped
from zsl.config.offered import ROLES
from zsl.config.search_space import axes
from zsl.config.settings import (
    ClassEmbeddingKeys,
    CorrectionKeys,
    DataKeys,
    LoggerKeys,
    MethodKeys,
    check,
    instantiate,
    plain,
)
from zsl.data import protocol
from zsl.data.dataset import Dataset
from zsl.data.duplicates import with_duplicates_noted
from zsl.data.protocol import Stage
from zsl.data.splits import Source as SplitSource
from zsl.data.splits import audit
from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.features.cache import by_content
from zsl.methods.method import Dimensions, ZSLModel
from zsl.results.claims import claims
from zsl.selection.space import Hyperparameters, extremes, of_correction, of_method
from zsl.tracking.tracker import Tracker
from zsl.training.fit import Loop
from zsl.training.memory import require_memory

PROTOCOL_KEYS = ("scale", "shuffle_seed")
"""keys of ``data`` and ``class_embedding`` that the protocol uses; all others are the loader's"""
DATASETS, SOURCES = Recent[Dataset](3), Recent[protocol.Source](3)
"""what this process has read"""
STAGES = Recent[tuple[protocol.Source, Stage, int]](2)
"""stages with what they were cut from, and their version"""
ANY_DATA = Dimensions(2, 2, 1000)
"""sizes to try hyperparameters at before there is data: small to build, with more seen classes than any of them needs;
what the data turns out too small for is refused when the method is built for it, still before training"""


def check_all(cfg: DictConfig) -> str:
    """Refuse all that can be known to be wrong before there is data, hyperparameters and every value of a sweep
    included; the selection policy, if there is nothing.

    Raises:
        InputError: something is.
    """
    settings = plain(cfg)
    policy = str(settings["selection"]["policy"])
    if policy == "test" and settings["protocol"]["name"] == "tune":
        raise InputError("selection=test with protocol=tune: under tune no test image is reachable; use protocol=final")
    protocol.require_share(settings["protocol"]["seen_holdout"])
    require_seed("seed", settings["seed"])
    require_seed("selection.seed", settings["selection"]["seed"] or 0)
    claims(settings["published"])
    require_seed("class_embedding.shuffle_seed", settings["class_embedding"]["shuffle_seed"] or 0)
    saved = settings["save"]["weights"] or settings["trainer"]["checkpoint_every_n_steps"]
    for name, node in settings["logger"].items():
        if node.get("checkpoints") and not saved:
            raise InputError(f"logger.{name}.checkpoints=true: none is saved; add save.weights=true")
    trackers(cfg)
    loop(cfg)
    correction = corrector(cfg)
    if policy == "fixed":
        correction.require_chosen()
    require_buildable(cfg.method, ANY_DATA, {})
    for name, axis in axes(cfg).items():
        for value in extremes(axis):
            if method := of_method({name: value}):
                require_buildable(cfg.method, ANY_DATA, method)
            if correction_ := of_correction({name: value}):
                corrector(cfg, correction_)
    return policy


def prepare(cfg: DictConfig) -> protocol.Source:
    """The data set with its class embeddings, not yet divided: read, or as it was read for an earlier job.

    Raises:
        InputError: either cannot be loaded, or they do not fit together.
    """
    data = {"data": plain(cfg, "data", DataKeys)}
    nodes = data | {"class_embedding": plain(cfg, "class_embedding", ClassEmbeddingKeys)}
    with by_content():
        return SOURCES.get(stamped(nodes), lambda: embedded(cfg, DATASETS.get(stamped(data), lambda: load_data(cfg))))


def embedded(cfg: DictConfig, dataset: Dataset) -> protocol.Source:
    """A data set with the class embedding that ``cfg.class_embedding`` describes.

    Raises:
        InputError: the class embedding cannot be made, or one of the classes cannot be embedded.
    """
    node, keys = _loader(cfg, "class_embedding", ClassEmbeddingKeys), cfg.class_embedding
    embedding = instantiate(node, "class_embedding", ClassEmbedding)  # type: ignore[type-abstract]
    seed = keys.shuffle_seed
    seed = None if seed is None else require_seed("class_embedding.shuffle_seed", seed)
    source = protocol.Source(dataset, embedding.fit, cfg.data.scale, keys.scale, seed)
    _ = source.phi  # what cannot be embedded is refused before anything is trained
    return source


def load_data(cfg: DictConfig) -> Dataset:
    """The data set that ``cfg.data`` describes, from its cache or built once, its splits audited, its images compared
    with each other.
    """
    dataset = instantiate(_loader(cfg, "data", DataKeys), "data", Dataset)
    audit(dataset.splits, dataset.labels, SplitSource(dataset.name))
    return with_duplicates_noted(dataset)


def fingerprints(source: protocol.Source) -> dict[str, str]:
    """SHA-256 of features, labels and every split, held against the arrays, and of the class embeddings: φ of the final
    stage before it is scaled (permuted, if asked).

    Raises:
        InputError: an array does not match the fingerprint that the data set gives.
    """
    return dict(source.fingerprints)


def stage_of(cfg: DictConfig, source: protocol.Source, name: str) -> Stage:
    """The stage of this name; the one of an earlier job, moments of its training images and all, if no method has
    written to these.
    """

    def cut() -> tuple[protocol.Source, Stage, int]:
        tune = name == "tune"
        stage = protocol.tune(source, cfg.protocol.seen_holdout) if tune else protocol.final(source)
        return source, stage, stage.version

    key = id(source), name, cfg.protocol.seen_holdout
    return STAGES.get(key, cut, lambda made: made[1].version == made[2])[1]


def require_buildable(method: DictConfig, dims: Dimensions, hyperparameters: Hyperparameters) -> None:
    """Refuse what `build` would refuse, and weights that do not fit into memory; no weights are made.

    Raises:
        InputError: it is so.
    """
    try:
        with torch.device("meta"):
            model = build(method, dims, hyperparameters)
    except RuntimeError as error:
        if "overflow" in str(error):
            raise InputError("method: would have more weights than can be counted; lower its sizes") from error
        if "meta tensors" not in str(error):
            raise
        model = build(method, dims, hyperparameters)  # a method of somebody's own that looks at the values
    require_memory(model)


def build(method: DictConfig, dims: Dimensions, hyperparameters: Hyperparameters) -> ZSLModel:
    """The method that a configuration names.

    Raises:
        InputError: a hyperparameter is unknown or out of range.
    """
    node: dict[str, Any] = OmegaConf.to_container(method, resolve=True)  # type: ignore[assignment]
    for key, value in hyperparameters.items():
        *parts, name = key.split(".")
        place: Any = node
        for part in parts:
            place = place.get(part) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name not in place or any(word.startswith("_") for word in (*parts, name)):
            own = ", ".join(str(name) for name in node if name != "_target_")
            raise InputError(f"sweep.{key}: the method has no such hyperparameter; it has {own}")
        place[name] = _part(name, value) if isinstance(place[name], dict) else value
    check("method", node, MethodKeys)
    return instantiate(node, "method", ZSLModel, dims)  # type: ignore[type-abstract]


def _part(group: str, value: Any) -> dict[str, Any]:
    """A part of a method, such as its head: one of its group, alone (``sje``) or with values of its own
    (``{sje: {lr: 0.01}}``).
    """
    name, own = next(iter(value.items())) if isinstance(value, Mapping) and len(value) == 1 else (value, {})
    if group not in ROLES["method"].parts or not isinstance(name, str) or not isinstance(own, Mapping):
        raise InputError(f"sweep.{group}: {value} names no {group}; write sje, or {{sje: {{lr: 0.01}}}}")
    for key in own:
        if str(key).startswith("_"):
            raise InputError(f"sweep.{group}.{name}.{key}: is no hyperparameter; name another {group} in its place")
    return compose_choice(f"method/{group}", name) | dict(own)


def corrector(cfg: DictConfig, hyperparameters: Hyperparameters | None = None) -> Correction:
    """The correction that ``cfg.correction`` describes, with these hyperparameters in place of its own, and with what
    it leaves open not yet chosen.

    Raises:
        InputError: a hyperparameter is unknown or out of range.
    """
    node = plain(cfg, "correction", CorrectionKeys)
    own = [name for name in node if name != "_target_"]
    for name in sorted(set(hyperparameters or {}) - set(own)):
        has = f"it has {', '.join(own)}" if own else "it has none"
        raise InputError(f"sweep.correction.{name}: the correction has no such hyperparameter; {has}")
    node |= hyperparameters or {}
    check("correction", node, CorrectionKeys)
    return instantiate(node, "correction", Correction)  # type: ignore[type-abstract]


def trackers(cfg: DictConfig) -> dict[str, Tracker]:
    """Those that ``cfg.logger`` asks for, by name.

    Raises:
        InputError: one is unknown, misconfigured or not installed.
    """
    return {
        name: instantiate(node, f"logger.{name}", Tracker)  # type: ignore[type-abstract]
        for name, node in plain(cfg, "logger", Mapping[str, LoggerKeys]).items()
    }


def loop(cfg: DictConfig) -> Loop:
    """How to train: ``cfg.trainer``.

    Raises:
        InputError: a value is unknown or out of range.
    """
    return Loop(**plain(cfg, "trainer", Loop))


def require_seed(key: str, value: int) -> int:
    """The seed, if it is one.

    Raises:
        InputError: it is not within 0 and 2³² - 1.
    """
    if not 0 <= value < 2**32:
        raise InputError(f"{key}={value}: give a whole number from 0 to {2**32 - 1}")
    return value


def _loader(cfg: DictConfig, key: str, hint: type) -> dict[str, Any]:
    return {name: value for name, value in plain(cfg, key, hint).items() if name not in PROTOCOL_KEYS}
