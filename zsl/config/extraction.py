"""Configuration of ``zsl extract``: composed, checked, and made into an extraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from zsl.backbones.backbone import Backbone
from zsl.config.checking import instantiate, plain
from zsl.config.compose import compose
from zsl.config.settings import BackboneKeys, Count
from zsl.features.extraction import Extraction
from zsl.features.pipeline import processors

FILE = "extract"
"""name of the configuration file"""


@dataclass(frozen=True)
class ExtractKeys:
    """Keys of ``conf/extract.yaml``."""

    backbone: BackboneKeys
    engine: Literal["local", "ray", "submitit"]
    workers: Count | None
    rows: Annotated[int, Ge(1), Le(1_000_000)]
    on_unreadable: Literal["refuse", "skip"]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class ExtractSettings:
    """An extraction, and the engine that it runs on."""

    extraction: Extraction
    engine: str
    workers: int
    options: Mapping[str, Any]


def extract_settings(images: str, folder: Path, overrides: Sequence[str]) -> ExtractSettings:
    """Compose the configuration of ``zsl extract``; a key of the backbone may be written without ``backbone.``.

    Raises:
        InputError: the configuration cannot be composed, or a value is out of range.
    """
    own = ExtractKeys.__dataclass_fields__
    words = [word if _key(word).partition(".")[0] in own else f"backbone.{word}" for word in overrides]
    config = plain(compose(words, FILE), hint=ExtractKeys)
    backbone = instantiate(config["backbone"], "backbone", Backbone)  # type: ignore[type-abstract]
    workers = config["workers"] or processors()
    extraction = Extraction(images, folder, backbone, config["rows"], config["on_unreadable"] == "skip")
    return ExtractSettings(extraction, config["engine"], workers, config["options"])


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0].partition("@")[0]
