"""Hash of a configuration: eight characters that identify what is computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from zsl.files.redaction import without_secrets

MEANS = ("paths", "seeds", "resume", "rerun", "save", "trainer", "published", "logger")
"""groups of the configuration that do not change what is computed, such as paths and logging; exceptions:
``zsl.reporting.table.NUMERIC``"""
NEUTRAL: Mapping[str, Any] = {"data.shots": None, "data.shots_seed": 0, "trainer.devices": 1}
"""values with which a key changes nothing: configurations that do not have the key are the same"""
CACHED = ("data", "class_embedding")
"""groups in which keys named ``cache`` are paths, which are not hashed"""


def identity(config: Mapping[str, Any]) -> str:
    """Return eight hexadecimal digits of a hash of all keys of a resolved configuration that change what is computed.

    A run and the configuration in its ``result.json`` have the same hash. The order of keys counts, as the order of
    the parts of a concatenation matters.
    """
    kept = {key: _without_cache(value) if key in CACHED else value for key, value in config.items() if key not in MEANS}
    if isinstance(data := kept.get("data"), Mapping):
        kept["data"] = {key: value for key, value in data.items() if not is_neutral(f"data.{key}", value)}
    trainer = config.get("trainer")
    kept["precision"] = trainer.get("precision") if isinstance(trainer, Mapping) else trainer
    if isinstance(trainer, Mapping) and not is_neutral("trainer.devices", devices := trainer.get("devices", 1)):
        kept["devices"] = devices  # which multiply the batch
    return hashlib.sha256(json.dumps(without_secrets(kept), default=str).encode()).hexdigest()[:8]


def is_neutral(key: str, value: Any) -> bool:
    """Return whether a dotted key has the value with which it changes nothing."""
    return key in NEUTRAL and NEUTRAL[key] == value


def _without_cache(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _without_cache(value) for key, value in node.items() if key != "cache"}
    return [_without_cache(item) for item in node] if isinstance(node, list) else node
