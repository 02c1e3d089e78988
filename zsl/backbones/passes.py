"""Forward passes of one size: features do not depend on how many images are encoded together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Shaped
from numpy import ndarray as Array

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 8
"""images of a forward pass on a processor"""
LARGEST = 256
"""images from which a size is looked for on an accelerator"""
Forward = Callable[["Tensor"], "Tensor"]
"""network: inputs (batch, …) -> features (batch, …)"""


def in_passes(
    forward: Forward, pixels: Sequence[Shaped[Array, "..."]], size: int, device: str = "cpu"
) -> Float32[Array, "n ..."]:
    """Encode inputs in forward passes of exactly ``size`` images; the last pass is filled up with zeros.

    On a processor every pass runs on one thread, and several passes run in parallel. The features of an image are then
    bit-identical whatever the other images and the number of cores: they may be computed in any order, or resumed
    after an interruption. (On another type of processor they differ by about 1e-6.)
    """
    import torch

    passes = [pixels[start : start + size] for start in range(0, len(pixels), size)]
    run = partial(_pass, forward, size, device)
    if torch.device(device).type != "cpu":
        return np.concatenate([run(each) for each in passes])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(run, passes)))
    finally:
        torch.set_num_threads(threads)


def batch_size(forward: Forward, example: Shaped[Array, "..."], device: str) -> int:
    """Return the number of images of a forward pass: 8 on a processor, the largest power of two that fits elsewhere.

    Raises:
        OutOfMemoryError: not even one image fits.
    """
    import torch

    if torch.device(device).type == "cpu":
        return BATCH
    size = LARGEST
    while True:
        try:
            _pass(forward, size, device, [example])
            return size
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2


def _pass(forward: Forward, size: int, device: str, pixels: Sequence[Shaped[Array, "..."]]) -> Float32[Array, "n ..."]:
    import torch

    x = torch.zeros(size, *pixels[0].shape, dtype=torch.from_numpy(pixels[0][:0]).dtype)
    for i, each in enumerate(pixels):
        x[i] = torch.from_numpy(each)
    with torch.inference_mode():
        return forward(x.to(device))[: len(pixels)].float().cpu().numpy()
