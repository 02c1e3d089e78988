"""How many synthetic features a class has, and whether so many fit into memory."""

from __future__ import annotations

import re
from typing import TypeAlias

import torch

from zsl.errors import InputError
from zsl.files.claimed_size import machine_memory
from zsl.hyperparameters import require_count

FEWEST = 20
"""least number that ``1x`` stands for, where classes have fewer images"""
MOST = 1000
"""largest multiple of the mean number of images of a seen class"""

PerClass: TypeAlias = int | str | None
"""number of synthetic features of a class, or a multiple such as ``3x`` of the mean number of images of a seen class,
or of 20 where it is less; None for ``1x``"""


def per_class(features_per_class: PerClass, images: float) -> int:
    """Return the number of synthetic features of a class where a seen class has ``images`` images on average.

    Fewer than 20 images count as 20.

    Raises:
        InputError: it is neither a whole number nor a multiple, or is out of range.
    """
    images = max(images, FEWEST)
    if isinstance(features_per_class, str):
        found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*x\s*", features_per_class)
        times = float(found[1]) if found else 0.0
        if not 0 < times <= MOST:
            raise InputError(
                f"method.features_per_class={features_per_class}: must be a whole number, or a multiple of the mean "
                f"number of images of a seen class, such as 3x, of at most {MOST}x"
            )
        return max(1, round(times * images))
    if features_per_class is None:
        return max(1, round(images))
    require_count(features_per_class=features_per_class)
    return features_per_class


def require_memory(features_per_class: PerClass, needed: int, device: torch.device) -> None:
    """Refuse so many synthetic features that they need more bytes than a device has.

    Args:
        features_per_class: as it was given, for the message.
        needed: bytes.
        device: where heads are trained.

    Raises:
        InputError: the memory of this machine, or the free memory of a GPU, is less.
    """
    on_gpu = device.type == "cuda" and torch.cuda.is_available()
    there = torch.cuda.mem_get_info(device)[0] if on_gpu else machine_memory()
    if there is not None and needed > there:
        place, kind = (str(device), "free memory") if on_gpu else ("this machine", "memory")
        raise InputError(
            f"method.features_per_class={features_per_class or '1x'}: needs {needed / 1e9:.1f} GB for synthetic "
            f"features, and {place} has {there / 1e9:.1f} GB of {kind}; choose a smaller number"
        )
