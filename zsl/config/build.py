"""Construction of the objects that a configuration names: data set, class embedding, stage, method, correction.

Nodes are plain mappings. A value that can be checked without data is refused before data are read, by the name of its
key.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import torch
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.class_embeddings.embedding import ClassEmbedding
from zsl.config.checking import check, instantiate, require_seed
from zsl.config.compose import compose_choice
from zsl.config.data_sets import loader, recent_data
from zsl.config.memory import RecentlyUsed, file_state_key
from zsl.config.nested import replaced
from zsl.config.offered import ROLES
from zsl.config.settings import MethodKeys
from zsl.data import protocol
from zsl.data.dataset import Dataset
from zsl.data.protocol import EmbeddedDataset, Stage
from zsl.data.scaling import EmbeddingScale, FeatureScale
from zsl.errors import InputError
from zsl.features.cache import by_content
from zsl.methods.method import Dimensions, ZSLModel
from zsl.selection.space import Hyperparameters
from zsl.training.memory import require_memory

log = logging.getLogger(__name__)

Node = Mapping[str, Any]
"""a resolved part of a configuration, of Python's built-in types"""
SOURCES = RecentlyUsed[EmbeddedDataset](3)
"""recently loaded data of this process"""
STAGES = RecentlyUsed[tuple[EmbeddedDataset, Stage, int]](2)
"""recently cut stages, each with its source and its version"""
ANY_DATA = Dimensions(2, 2, 1000)
"""sizes for building a method to check its hyperparameters before data are read: few dimensions, and more seen classes
than any hyperparameter needs. A hyperparameter for which the data are too small is refused before training, when the
method is built for the data."""


def load_source(data: Node, class_embedding: Node) -> EmbeddedDataset:
    """Load a data set with its class embeddings, not yet split; keep recently loaded data in memory.

    Raises:
        InputError: data set or class embedding cannot be loaded, or they do not fit together.
    """

    def load() -> EmbeddedDataset:
        return embedded(recent_data(data), class_embedding, data["scale"])

    with by_content():
        return SOURCES.get(file_state_key({"data": data, "class_embedding": class_embedding}), load)


def build_class_embedding(class_embedding: Node) -> ClassEmbedding:
    """Build the class embedding of a ``class_embedding`` node.

    Raises:
        InputError: the class embedding cannot be built.
    """
    return instantiate(loader(class_embedding), "class_embedding", ClassEmbedding)  # type: ignore[type-abstract]


def embedded(dataset: Dataset, class_embedding: Node, scale: FeatureScale) -> EmbeddedDataset:
    """Combine a data set with the class embedding of a ``class_embedding`` node and the scaling of its features.

    Raises:
        InputError: the class embedding cannot be built, or a class cannot be embedded.
    """
    embedding = build_class_embedding(class_embedding)
    scales = getattr(embedding, "scales", get_args(EmbeddingScale))
    if class_embedding["scale"] not in scales:
        raise InputError(
            f"class_embedding.scale={class_embedding['scale']}: changes lengths that mean something here; choose "
            f"{' or '.join(scales)}"
        )
    seed = class_embedding["shuffle_seed"]
    seed = None if seed is None else require_seed("class_embedding.shuffle_seed", seed)
    source = EmbeddedDataset(dataset, embedding.fit, scale, class_embedding["scale"], seed)
    _warn_of_equal(source.phi, dataset.classes.names)  # refuses a class that cannot be embedded before training
    return source


def _warn_of_equal(phi: Float64[Array, "classes k"], names: Sequence[str]) -> None:
    """Warn of classes whose descriptions are equal, which no score tells apart."""
    _, first, which = np.unique(phi, axis=0, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[which.reshape(-1)] != np.arange(len(phi)))
    if len(again):
        other, one = names[again[0]], names[first[which.reshape(-1)[again[0]]]]
        log.warning(
            "class embedding: φ of %r is that of %r, and so for %d of %d classes; nothing tells these apart",
            *(other, one, len(again), len(phi)),
        )


def stage_of(source: EmbeddedDataset, name: str, seen_holdout: float) -> Stage:
    """Cut the stage ``tune`` or ``final`` from the data.

    A stage of an earlier job is reused, with the cached moments of its training images, if no method wrote to it.
    """

    def cut() -> tuple[EmbeddedDataset, Stage, int]:
        stage = protocol.tune(source, seen_holdout) if name == "tune" else protocol.final(source)
        return source, stage, stage.version

    return STAGES.get((id(source), name, seen_holdout), cut, lambda made: made[1].version == made[2])[1]


def require_buildable(method: Node, hyperparameters: Hyperparameters) -> None:
    """Refuse what :func:`build_method` would refuse, and weights that do not fit into memory; allocate no weights.

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
        model = build_method(method, ANY_DATA, hyperparameters)  # a user's method that reads the values of its weights
    require_memory(model)


def build_method(method: Node, dims: Dimensions, hyperparameters: Hyperparameters) -> ZSLModel:
    """Build the method of a ``method`` node for data of the given sizes, with some of its hyperparameters replaced.

    Raises:
        InputError: a hyperparameter is unknown or out of range.
    """
    node = method_node(method, hyperparameters)
    check("method", node, MethodKeys)
    return instantiate(node, "method", ZSLModel, dims)  # type: ignore[type-abstract]


def method_node(method: Node, hyperparameters: Hyperparameters) -> dict[str, Any]:
    """Return a ``method`` node with some of its hyperparameters replaced.

    Raises:
        InputError: the method has no such hyperparameter.
    """
    return replaced(method, hyperparameters, "method", _part)


def _part(group: str, value: Any) -> dict[str, Any]:
    """Compose a part of a method, such as its head, from a choice of its group.

    The choice is a name (``sje``) or a name with hyperparameters (``{sje: {lr: 0.01}}``).
    """
    name, own = next(iter(value.items())) if isinstance(value, Mapping) and len(value) == 1 else (value, {})
    if group not in ROLES["method"].parts or not isinstance(name, str) or not isinstance(own, Mapping):
        raise InputError(f"sweep.{group}: {value} names no {group}; write sje, or {{sje: {{lr: 0.01}}}}")
    for key in own:
        if str(key).startswith("_"):
            raise InputError(f"sweep.{group}.{name}.{key}: is no hyperparameter; name another {group} in its place")
    return compose_choice(f"method/{group}", name) | dict(own)
