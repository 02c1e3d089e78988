"""Checkpoints of networks: folders on disk, or names on the hub of Hugging Face, of which nothing is executed."""

from __future__ import annotations

import re
from pathlib import Path

from zsl.errors import InputError
from zsl.files.source_file import locate

WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "pytorch_model.bin", "pytorch_model-*-of-*.bin")
"""names of files of weights of transformers, in order of preference"""
OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""names of files of weights of open_clip, in order of preference"""
SETTINGS = ("*.json", "merges.txt", "vocab.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
"""names of files of settings and of tokenizers"""
_PREFIX = "hf-hub:"
_NAME = rf"(?:{_PREFIX})?([\w-][\w.-]{{0,95}}/[\w-][\w.-]{{0,95}})"


def checkpoint_folder(model: str | Path, place: str) -> Path:
    """Return the folder of a checkpoint; ``organisation/name`` is looked up on the hub unless there is such a path.

    Only settings, tokenizers and the preferred weights are downloaded. Offline, what was downloaded before is found. A
    path that does not exist and is no such name is returned as given.

    Args:
        model: folder, or name on the hub.
        place: what the message of an error begins with, such as ``backbone.model=NAME``.

    Raises:
        InputError: the hub cannot be reached or has no such name, or huggingface_hub is not installed.
    """
    found, name = locate(model), re.fullmatch(_NAME, str(model))
    if name is None or found.exists():
        return found
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise InputError(
            f"{place}: no such folder, and huggingface_hub is not installed; pip install 'zsl[transformers]'"
        ) from error
    try:
        for weights in (WEIGHTS[:2], WEIGHTS[2:], OPEN_CLIP_WEIGHTS[:1], OPEN_CLIP_WEIGHTS[1:]):
            found = Path(snapshot_download(name[1], allow_patterns=[*SETTINGS, *weights]))
            if weight_files(found, weights):
                break
    except Exception as error:  # huggingface_hub raises exceptions of many types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{place}: no such folder, nor on the hub, or it cannot be reached ({reason}); correct it"
        ) from error
    return found


def weight_files(folder: Path, names: tuple[str, ...] = WEIGHTS) -> list[Path]:
    """Return the files of weights in a folder: those of the first of the names that is there, or none."""
    return next((paths for each in names if (paths := sorted(folder.glob(each)))), [])
