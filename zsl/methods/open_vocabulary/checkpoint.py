"""Scale and bias of the logits of a two-tower model, without reading its towers where it is a folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch

from zsl.class_embeddings.model_settings import CONFIG, read_settings
from zsl.errors import InputError
from zsl.files.hub import OPEN_CLIP_WEIGHTS, checkpoint_folder, weight_files

CURE = "give the folder of CLIP, SigLIP, ALIGN or VisionTextDualEncoder, or a scale such as 100"
NAMES = {"logit_scale", "logit_bias", "temperature"}


def scale_and_bias(model: str | Path, key: str = "method.checkpoint=") -> tuple[float, float | None]:
    """Return s = exp(logit_scale), or 1/temperature for ALIGN, and b = logit_bias, or None.

    The model is a folder, a name on the hub, or one of open_clip. Weights are read without unpickling objects.

    Raises:
        InputError: there is no such model, or it has no weights of a two-tower model.
    """
    place = f"{key}{model}"
    if str(model).startswith("open_clip:"):
        from zsl.class_embeddings.open_clip_texts import of_open_clip

        tower = of_open_clip(model)
        assert tower is not None
        scale, bias = tower.scale_and_bias()
    else:
        folder = checkpoint_folder(model, place)
        found: dict[str, float] = {}
        for file in weight_files(folder) or weight_files(folder, OPEN_CLIP_WEIGHTS):
            found |= _scalars(file, place)
        if not {"logit_scale", "temperature"} & found.keys():
            raise InputError(f"{place}: has no logit_scale, so it is no two-tower model; {CURE}")
        numbers = {name: torch.tensor(value, dtype=torch.float64) for name, value in found.items()}
        scale = float(numbers["logit_scale"].exp() if "logit_scale" in numbers else 1 / numbers["temperature"])
        bias = found.get("logit_bias")
        if bias is None and str(read_settings(folder / CONFIG).get("model_type")).startswith("siglip"):
            raise InputError(f"{place}: has no logit_bias, which models of SigLIP have; {CURE}")
    if bias is not None and not math.isfinite(bias):
        raise InputError(f"{place}: its bias of logits is {bias}; {CURE}")
    if not 0 < scale < math.inf:
        raise InputError(f"{place}: its scale of logits is {scale}; {CURE}")
    return scale, bias


def _scalars(file: Path, place: str) -> dict[str, float]:
    from safetensors import safe_open

    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as weights:
                return {name: float(weights.get_tensor(name).double()) for name in NAMES & set(weights.keys())}
        state: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
        if not isinstance(state, Mapping):
            raise ValueError("holds no weights")
        return {name: float(torch.as_tensor(state[name]).double()) for name in NAMES & set(state)}
    except Exception as error:  # torch raises exceptions of many types
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{place}: {file.name} cannot be read ({reason}); {CURE}") from error
