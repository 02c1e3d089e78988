"""Files of settings in the folder of a transformer, as transformers and sentence-transformers store them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zsl.errors import InputError
from zsl.files.regular_file import read_bytes

CONFIG, MODULES, POOLING = "config.json", "modules.json", "1_Pooling/config.json"
"""settings of a model, and as sentence-transformers stores them its steps and those of its pooling"""
SETTINGS = (
    CONFIG,
    MODULES,
    POOLING,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
)
LARGEST = 2**26
"""the largest number of bytes of a file of settings"""


def files_of(folder: Path, *names: str) -> list[Path]:
    """Return the files of a model that exist: settings, and those with the given names."""
    return [file for name in (*SETTINGS, *names) if (file := folder / name).is_file()]


def read_json(file: Path, kind: type) -> Any:
    """Return the content of a file of settings.

    Raises:
        OSError, ValueError: it cannot be read, or is of another kind.
    """
    content = json.loads(read_bytes(file, LARGEST))
    if not isinstance(content, kind):
        raise ValueError(f"{file.name} is no {kind.__name__}")
    return content


def read_settings(file: Path) -> dict[str, Any]:
    """Return the settings in a file; none if there is no such file, or none that can be read."""
    try:
        found: dict[str, Any] = read_json(file, dict)
    except (OSError, ValueError, RecursionError):
        return {}
    return found


def require_no_code(folder: Path) -> None:
    """Refuse a model whose configuration names an attention kernel that would be downloaded.

    Raises:
        InputError: it does.
    """
    config = read_settings(folder / CONFIG)  # loading the model reports what is wrong with it
    for key in ("attn_implementation", "_attn_implementation"):
        asked = config.get(key)
        if asked is not None and asked not in ("eager", "sdpa"):
            raise InputError(
                f"text encoder {folder}: config.json has {key}={asked!r}, which may be downloaded code; remove the key"
            )
