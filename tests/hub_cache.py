"""The cache of Hugging Face's hub as a download leaves it, for tests without a network."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import torch

REVISION = "0123456789abcdef0123456789abcdef01234567"


def downloaded(folder: Path, name: str, cache: Path, patch: pytest.MonkeyPatch) -> Path:
    """Put the files of a folder into a cache as those of a name on the hub, be offline, and return the snapshot."""
    place = cache / f"models--{name.replace('/', '--')}"
    snapshot = place / "snapshots" / REVISION
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        blob = place / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        link = snapshot / file.relative_to(folder)
        for path in (blob, link):
            path.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(file.read_bytes())
        link.symlink_to(blob)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(REVISION)
    patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return snapshot


def with_pickled_weights(folder: Path, copy: Path) -> Path:
    """Copy a checkpoint, with ``pytorch_model.bin`` for ``model.safetensors``."""
    from safetensors.torch import load_file

    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save(load_file(folder / "model.safetensors"), copy / "pytorch_model.bin")
    return copy
