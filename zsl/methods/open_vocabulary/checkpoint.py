"""Scale and bias of the logits of a two-tower model of transformers, without reading its towers."""

from __future__ import annotations

import math
from pathlib import Path

from zsl.errors import InputError
from zsl.files.source_file import locate

CURE = "give the folder of CLIP, SigLIP, ALIGN or VisionTextDualEncoder, or a scale such as 100"


def scale_and_bias(folder: str | Path, key: str = "method.checkpoint=") -> tuple[float, float | None]:
    """Return s = exp(logit_scale), or 1/temperature for ALIGN, and b = logit_bias, or None.

    Raises:
        InputError: the folder has no weights in safetensors, or none of a two-tower model.
    """
    place = locate(folder)
    files = [file for file in (place / "model.safetensors",) if file.is_file()]
    found: dict[str, float] = {}
    for file in files or sorted(place.glob("model-*-of-*.safetensors")):
        found |= _scalars(file, f"{key}{folder}")
    if not {"logit_scale", "temperature"} & found.keys():
        raise InputError(f"{key}{folder}: has no logit_scale, so it is no two-tower model; {CURE}")
    scale = math.exp(found["logit_scale"]) if "logit_scale" in found else 1 / found["temperature"]
    if not 0 < scale < math.inf:
        raise InputError(f"{key}{folder}: its scale of logits is {scale}; {CURE}")
    return scale, found.get("logit_bias")


def _scalars(file: Path, place: str) -> dict[str, float]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as weights:
            names = {"logit_scale", "logit_bias", "temperature"} & set(weights.keys())
            return {name: float(weights.get_tensor(name).double()) for name in names}
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{place}: {file.name} cannot be read ({reason}); {CURE}") from error
