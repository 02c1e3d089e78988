"""What a device computes fast."""

from __future__ import annotations

import logging
import platform
from functools import cache

import torch

log = logging.getLogger(__name__)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Tell whether a device multiplies matrices of bfloat16 faster than those of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in asked)


@cache
def warn_of_bfloat16(option: str, device: torch.device, instead: str) -> None:
    """Warn, once a process, that an option asks for bfloat16 where it is slower than float32.

    Nothing is told of processors other than x86-64, and of devices other than those and GPUs: nothing is known of them.

    Args:
        option: ``key=value``, as it was given.
        device: where it is computed.
        instead: the value to choose.
    """
    known = device.type == "cuda" or (device.type == "cpu" and platform.machine().lower() in {"x86_64", "amd64"})
    if known and not multiplies_bfloat16(device):
        text = "%s: this %s has no arithmetic of bfloat16, and may take 100 times as long; choose %s"
        log.warning(text, option, "CPU" if device.type == "cpu" else "GPU", instead)
