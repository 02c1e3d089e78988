"""Data sets that a configuration names: opened early if they are built, loaded, and kept; no PyTorch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from zsl.config.checking import instantiate, require_seed
from zsl.config.memory import RecentlyUsed, file_state_key
from zsl.data.dataset import Dataset, require_finite
from zsl.data.duplicates import with_duplicates_noted
from zsl.data.few_shot import few_shot
from zsl.data.splits import SplitsOrigin, audit
from zsl.features.cache import NotBuiltError, by_content, opening

Node = Mapping[str, Any]
"""a resolved part of a configuration, of Python's built-in types"""
PROTOCOL_KEYS = ("scale", "shuffle_seed", "shots", "shots_seed")
"""keys of ``data`` and ``class_embedding`` that the protocol uses; the loader gets the rest"""
DATASETS = RecentlyUsed[Dataset](3)
"""recently loaded data sets of this process"""


def open_data(data: Node) -> None:
    """Open the data set of a ``data`` node for a later :func:`recent_data`, unless it has to be built first.

    Raises:
        InputError: the data set cannot be loaded, as far as that shows without building it.
    """
    with by_content(), opening(), suppress(NotBuiltError):
        recent_data(data)


def recent_data(data: Node) -> Dataset:
    """Load the data set of a ``data`` node; keep recently loaded data sets in memory.

    Raises:
        InputError: the data set cannot be loaded, or not all features are finite.
    """
    return DATASETS.get(file_state_key({"data": data}), lambda: load_data(data))


def load_data(data: Node) -> Dataset:
    """Load the data set of a ``data`` node from its cache, or build it, and audit its splits.

    ``shots`` are drawn, and duplicate images are noted.

    Raises:
        InputError: the data set cannot be loaded, not all features are finite, or ``shots_seed`` is no seed.
    """
    dataset = instantiate(loader(data), "data", Dataset)
    require_finite(dataset)
    audit(dataset.splits, dataset.labels, SplitsOrigin(dataset.name))
    if (shots := data.get("shots")) is not None:
        dataset = few_shot(dataset, shots, require_seed("data.shots_seed", data.get("shots_seed", 0)))
    return with_duplicates_noted(dataset)


def loader(node: Node) -> dict[str, Any]:
    """Return a node without the keys that the protocol uses."""
    return {name: value for name, value in node.items() if name not in PROTOCOL_KEYS}
