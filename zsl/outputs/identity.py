"""What tells one configuration from another, in eight characters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from zsl.files.redaction import without_secrets

MEANS = ("paths", "seeds", "resume", "rerun", "save", "trainer", "published", "logger")
"""groups of the configuration that say where and by what means, not what is computed; see ``NUMERIC``"""
HELD = ("data", "class_embedding")
"""parts whose keys ``cache`` say where files lie, and no more"""


def identity(config: Mapping[str, Any]) -> str:
    """Eight characters for all of a resolved configuration that changes what is computed: the same for a run and for
    the configuration in its ``result.json``. The order of keys counts: that of the parts of a concatenation matters.
    """
    kept = {key: _placeless(value) if key in HELD else value for key, value in config.items() if key not in MEANS}
    trainer = config.get("trainer")
    kept["precision"] = trainer.get("precision") if isinstance(trainer, Mapping) else trainer
    return hashlib.sha256(json.dumps(without_secrets(kept), default=str).encode()).hexdigest()[:8]


def _placeless(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _placeless(value) for key, value in node.items() if key != "cache"}
    return [_placeless(item) for item in node] if isinstance(node, list) else node
