"""The two files of a saved model: ``model.json``, and ``tensors.safetensors``, of which it has checksum and names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zsl
from zsl.errors import InputError
from zsl.files.atomic import write_bytes, write_text
from zsl.files.regular_file import read_bytes, read_json
from zsl.files.self_checksum import SELF, digest_of, is_altered

if TYPE_CHECKING:
    from torch import Tensor

FORMAT, VERSION = "zsl model", 1
DESCRIPTION, TENSORS = "model.json", "tensors.safetensors"
LARGEST = 2**34
"""bytes of tensors that are read, 16 GiB"""


def write(folder: Path, description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a model into a folder.

    Raises:
        InputError: the folder cannot be written, or the description is no JSON, as where a part is a function.
    """
    from safetensors.torch import save

    raw = save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})
    digest = hashlib.sha256(raw).hexdigest()
    marks = {"format": FORMAT, "version": VERSION, "zsl": zsl.__version__, "tensors": digest}
    try:
        content = json.loads(json.dumps({**marks, **description, "tensor_names": sorted(tensors)}, allow_nan=False))
        text = json.dumps({**content, SELF: digest_of(content)}, indent=1, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{folder}: the model is no data ({error}); use parts that are classes") from error
    write_bytes(folder / TENSORS, raw)
    write_text(folder / DESCRIPTION, text + "\n")


def read(place: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the description and the tensors of a model.

    Raises:
        InputError: there is no model in the folder, or it is damaged.
    """
    from safetensors.torch import load

    cure = "give a folder that zsl wrote with save.model=true or Predictor.save"
    try:
        content = read_json(place / DESCRIPTION)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"{DESCRIPTION} is of another kind")
        if content.get("version") != VERSION:
            raise ValueError(f"its version is {content.get('version')}, this zsl reads {VERSION}")
        if is_altered(content):
            raise ValueError(f"{DESCRIPTION} was altered")
        raw = read_bytes(place / TENSORS, LARGEST)
        if hashlib.sha256(raw).hexdigest() != content.get("tensors"):
            raise ValueError(f"{TENSORS} is damaged or belongs to another model")
        tensors = load(raw)
        if content.get("tensor_names", sorted(tensors)) != sorted(tensors):
            raise ValueError(f"{TENSORS} has other tensors than {DESCRIPTION} names")
        if not all(value.isfinite().all() for value in tensors.values()):
            raise ValueError(f"not all numbers of {TENSORS} are finite")
        return content, tensors
    except Exception as error:  # a damaged file can raise anything
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{place}: no model can be read here ({reason}); {cure}") from error
