"""Keys of a configuration, and the types of their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge

from zsl.data.scaling import EmbeddingScale, FeatureScale
from zsl.training.loop import Loop

Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class DataKeys:
    """Keys of ``data`` other than the arguments of its loader."""

    scale: FeatureScale
    shots: Count | None = None
    """training images of every seen class; None for all"""
    shots_seed: int = 0
    """seed of their draw"""


@dataclass(frozen=True)
class ClassEmbeddingKeys:
    """Keys of ``class_embedding`` other than the arguments of its constructor."""

    scale: EmbeddingScale
    shuffle_seed: int | None


@dataclass(frozen=True)
class MethodKeys:
    """Keys of ``method`` other than the arguments of its constructor, which are the hyperparameters: none."""


@dataclass(frozen=True)
class BackboneKeys:
    """Keys of ``backbone`` other than the arguments of its constructor: none."""


@dataclass(frozen=True)
class CorrectionKeys:
    """Keys of ``correction`` other than the arguments of its constructor: none."""


@dataclass(frozen=True)
class LoggerKeys:
    """Keys of a tracker below ``logger`` other than the arguments of its constructor: none."""


COMPOSED = (DataKeys, ClassEmbeddingKeys, MethodKeys, BackboneKeys, CorrectionKeys, LoggerKeys)
"""keys of nodes that have a ``_target_``"""


@dataclass(frozen=True)
class ProtocolKeys:
    """Keys of ``protocol``."""

    name: Literal["tune", "final"]
    seen_holdout: float


@dataclass(frozen=True)
class SelectionKeys:
    """Keys of ``selection``."""

    policy: Literal["fixed", "validation", "test"]
    objective: Literal["T1", "H", "H_raw"]
    patience: Count | None
    """None: all epochs"""
    every: Count | None
    """None: a tenth of all"""
    seed: int | None


@dataclass(frozen=True)
class SaveKeys:
    """Keys of ``save``."""

    predictions: bool
    scores: bool
    model: bool


@dataclass(frozen=True)
class PathKeys:
    """Keys of ``paths``."""

    output: str | Path
    cache: str | Path


@dataclass(frozen=True)
class SearchKeys:
    """Keys of ``search``, for ``zsl sweep``."""

    sampler: Literal["tpe", "grid"]
    trials: Count | None
    pruner: Literal["none", "median", "hyperband"]
    study: str
    storage: str | None
    stale: Annotated[int, Ge(2)]


@dataclass(frozen=True)
class Settings:
    """Keys of ``conf/config.yaml``."""

    seed: int
    resume: bool
    rerun: bool
    paths: PathKeys
    save: SaveKeys
    trainer: Loop
    protocol: ProtocolKeys
    selection: SelectionKeys
    data: DataKeys
    class_embedding: ClassEmbeddingKeys
    method: MethodKeys
    correction: CorrectionKeys
    sweep: Mapping[str, Any]
    """hyperparameter -> values or a range to try; those of the correction below ``correction``"""
    published: Mapping[str, Any] | None
    logger: Mapping[str, LoggerKeys]
    search: SearchKeys | None = None
