"""Build what the nodes of a configuration name: data set, class embedding, stage, method, correction.

Nodes are plain mappings. Whatever can be known to be wrong is refused by the name of its key, before data is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch

from zsl.class_embeddings.embedding import ClassEmbedding
from zsl.config.compose import compose_choice
from zsl.config.memory import Recent, stamped
from zsl.config.offered import ROLES
from zsl.config.settings import CorrectionKeys, MethodKeys, check, instantiate
from zsl.data import protocol
from zsl.data.dataset import Dataset, require_finite
from zsl.data.duplicates import with_duplicates_noted
from zsl.data.protocol import EmbeddedDataset, Stage
from zsl.data.scaling import FeatureScale
from zsl.data.splits import SplitsOrigin, audit
from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.features.cache import by_content
from zsl.methods.method import Dimensions, ZSLModel
from zsl.selection.space import Hyperparameters
from zsl.training.memory import require_memory

Node = Mapping[str, Any]
"""a part of a configuration, resolved, in Python's own types"""
PROTOCOL_KEYS = ("scale", "shuffle_seed")
"""keys of ``data`` and ``class_embedding`` that the protocol uses; all others are the loader's"""
DATASETS, SOURCES = Recent[Dataset](3), Recent[EmbeddedDataset](3)
"""data that this process has loaded"""
STAGES = Recent[tuple[EmbeddedDataset, Stage, int]](2)
"""stages with what they were cut from, and their version"""
ANY_DATA = Dimensions(2, 2, 1000)
"""sizes to try hyperparameters at before there is data: small to build, with more seen classes than any of them needs;
what the data turns out too small for is refused when the method is built for it, still before training"""


def load_data(data: Node) -> Dataset:
    """Load the data set of a ``data`` node, from its cache or built once; audit its splits and compare its images.

    Raises:
        InputError: it cannot be loaded, or not all features are finite.
    """
    dataset = instantiate(_loader(data), "data", Dataset)
    require_finite(dataset)
    audit(dataset.splits, dataset.labels, SplitsOrigin(dataset.name))
    return with_duplicates_noted(dataset)


def load_source(data: Node, class_embedding: Node) -> EmbeddedDataset:
    """Load a data set with its class embeddings, not yet divided; keep recently loaded data in memory.

    Raises:
        InputError: either cannot be loaded, or they do not fit together.
    """

    def load() -> EmbeddedDataset:
        dataset = DATASETS.get(stamped({"data": data}), lambda: load_data(data))
        return embedded(dataset, class_embedding, data["scale"])

    with by_content():
        return SOURCES.get(stamped({"data": data, "class_embedding": class_embedding}), load)


def embedded(dataset: Dataset, class_embedding: Node, scale: FeatureScale) -> EmbeddedDataset:
    """Give a data set the class embedding of a ``class_embedding`` node, and the scaling of its features.

    Raises:
        InputError: the class embedding cannot be made, or one of the classes cannot be embedded.
    """
    embedding = instantiate(_loader(class_embedding), "class_embedding", ClassEmbedding)  # type: ignore[type-abstract]
    seed = class_embedding["shuffle_seed"]
    seed = None if seed is None else require_seed("class_embedding.shuffle_seed", seed)
    source = EmbeddedDataset(dataset, embedding.fit, scale, class_embedding["scale"], seed)
    _ = source.phi  # what cannot be embedded is refused before anything is trained
    return source


def stage_of(source: EmbeddedDataset, name: str, seen_holdout: float) -> Stage:
    """Cut a stage from the data, ``tune`` or ``final``.

    A stage of an earlier job is used again, moments of its training images included, if no method wrote to them.
    """

    def cut() -> tuple[EmbeddedDataset, Stage, int]:
        stage = protocol.tune(source, seen_holdout) if name == "tune" else protocol.final(source)
        return source, stage, stage.version

    return STAGES.get((id(source), name, seen_holdout), cut, lambda made: made[1].version == made[2])[1]


def require_buildable(method: Node, hyperparameters: Hyperparameters) -> None:
    """Refuse what :func:`build_method` would refuse, and weights that do not fit into memory; make no weights.

    Raises:
        InputError: a hyperparameter is unknown or out of range, or the weights are too large.
    """
    try:
        with torch.device("meta"):
            model = build_method(method, ANY_DATA, hyperparameters)
    except RuntimeError as error:
        if "overflow" in str(error):
            raise InputError("method: would have more weights than can be counted; lower its sizes") from error
        if "meta tensors" not in str(error):
            raise
        model = build_method(method, ANY_DATA, hyperparameters)  # a method of somebody's own that looks at the values
    require_memory(model)


def build_method(method: Node, dims: Dimensions, hyperparameters: Hyperparameters) -> ZSLModel:
    """Build the method of a ``method`` node for data of these sizes, with these hyperparameters in place of its own.

    Raises:
        InputError: a hyperparameter is unknown or out of range.
    """
    node = method_node(method, hyperparameters)
    check("method", node, MethodKeys)
    return instantiate(node, "method", ZSLModel, dims)  # type: ignore[type-abstract]


def method_node(method: Node, hyperparameters: Hyperparameters) -> dict[str, Any]:
    """Return a ``method`` node with these hyperparameters in place of its own.

    Raises:
        InputError: the method has no such hyperparameter.
    """
    node = deepcopy(dict(method))
    for key, value in hyperparameters.items():
        *parts, name = key.split(".")
        place: Any = node
        for part in parts:
            place = place.get(part) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name not in place or any(word.startswith("_") for word in (*parts, name)):
            own = ", ".join(str(name) for name in node if name != "_target_")
            raise InputError(f"sweep.{key}: the method has no such hyperparameter; it has {own}")
        place[name] = _part(name, value) if isinstance(place[name], dict) else value
    return node


def build_correction(correction: Node, hyperparameters: Hyperparameters) -> Correction:
    """Build the correction of a ``correction`` node with these hyperparameters in place of its own.

    What the node leaves open is not chosen yet.

    Raises:
        InputError: a hyperparameter is unknown or out of range.
    """
    own = [name for name in correction if name != "_target_"]
    for name in sorted(set(hyperparameters) - set(own)):
        has = f"it has {', '.join(own)}" if own else "it has none"
        raise InputError(f"sweep.correction.{name}: the correction has no such hyperparameter; {has}")
    node = {**correction, **hyperparameters}
    check("correction", node, CorrectionKeys)
    return instantiate(node, "correction", Correction)  # type: ignore[type-abstract]


def require_seed(key: str, value: int) -> int:
    """Return a seed.

    Raises:
        InputError: it is not within 0 and 2³² - 1.
    """
    if not 0 <= value < 2**32:
        raise InputError(f"{key}={value}: give a whole number from 0 to {2**32 - 1}")
    return value


def _part(group: str, value: Any) -> dict[str, Any]:
    """Compose a part of a method, such as its head: a choice of its group, alone (``sje``) or with values of its own
    (``{sje: {lr: 0.01}}``).
    """
    name, own = next(iter(value.items())) if isinstance(value, Mapping) and len(value) == 1 else (value, {})
    if group not in ROLES["method"].parts or not isinstance(name, str) or not isinstance(own, Mapping):
        raise InputError(f"sweep.{group}: {value} names no {group}; write sje, or {{sje: {{lr: 0.01}}}}")
    for key in own:
        if str(key).startswith("_"):
            raise InputError(f"sweep.{group}.{name}.{key}: is no hyperparameter; name another {group} in its place")
    return compose_choice(f"method/{group}", name) | dict(own)


def _loader(node: Node) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in PROTOCOL_KEYS}
