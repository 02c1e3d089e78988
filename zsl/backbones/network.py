"""What encoders from libraries of networks share: options, precision, and forward passes of one size."""

# without `from __future__ import annotations`: the constructors of subclasses in other modules inherit the annotations

import hashlib
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Le
from jaxtyping import Float32, Shaped
from numpy import ndarray as Array
from PIL import Image
from torch import Tensor, nn

from zsl.backbones.backbone import Backbone
from zsl.backbones.passes import batch_size, in_passes
from zsl.backbones.preprocessing import on_white
from zsl.devices import warn_of_bfloat16
from zsl.errors import InputError

Precision = Literal["float32", "bfloat16", "float16"]
Pooling = Literal["cls", "mean", "map", "penultimate", "projected", "patches", "tokens"]
"""class token, mean over patches, attention pooling, input of the classifier, input of the contrastive loss, all
patches (one vector a patch), or the class token and all patches"""


@dataclass(frozen=True, kw_only=True)
class Network(Backbone):
    """Encoder with a network of PyTorch.

    Attributes:
        model: name in the library or on its hub, or a folder.
        pooling: how one vector is made of the network's output; None for what suits the model.
        precision: of weights and activations; features are stored in float32.
        channels_last: memory format that is faster for convolutions on many devices; features differ by rounding.
        batch: images of a forward pass; None for the largest number that fits, 8 on a processor.
        device: of PyTorch, such as ``cuda``.
        pretraining: what the weights were trained on; None for what the checkpoint says.
    """

    model: str | Path
    pooling: Pooling | None = None
    precision: Precision = "float32"
    channels_last: bool = False
    batch: Annotated[int, Ge(1), Le(4096)] | None = None
    device: str = "cpu"
    pretraining: str | None = None

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """Return the network as it was read."""

    @abstractmethod
    def pooled(self, x: Shaped[Tensor, "batch ..."]) -> Shaped[Tensor, "batch ..."]:
        """Return the features of inputs."""

    def encode(self, pixels: Sequence[Shaped[Array, "..."]]) -> Float32[Array, "n ..."]:
        """Compute θ(x).

        Raises:
            InputError: the network cannot be read, or the device cannot be used.
        """
        if not pixels:  # the width is that of any image
            return self([Image.new("RGB", (8, 8))])[:0]
        _ = self._ready
        with self._fitting():
            return in_passes(self._forward, pixels, self.batch or self._size(pixels[0]), self.device)

    @property
    def pass_size(self) -> int:  # type: ignore[override]
        """Return the number of images of a forward pass.

        Raises:
            InputError: the network cannot be read, or the device cannot be used.
        """
        with self._fitting():
            return self.batch or self._size(self.prepare(Image.new("RGB", (8, 8))))

    def __getstate__(self) -> dict[str, Any]:
        """Return the options alone; another process reads the network for itself."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def _size(self, example: Shaped[Array, "..."]) -> int:
        found: int = self.__dict__.get("_found") or batch_size(self._forward, example, self.device)
        self.__dict__["_found"] = found
        return found

    @contextmanager
    def _fitting(self) -> Iterator[None]:
        try:
            yield
        except torch.OutOfMemoryError as error:
            size = self.batch or self.__dict__.get("_found", 1)
            raise InputError(
                f"backbone.batch={size}: does not fit into the memory of {self.device}; lower it"
            ) from error

    @cached_property
    def _ready(self) -> nn.Module:
        _ = self.name  # may be a digest of the weights as they were read, which are converted here
        try:
            network = self.network.eval().to(torch.device(self.device), self._dtype)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"backbone.device={self.device}: cannot be used ({reason}); choose cpu") from error
        if self.precision == "bfloat16":
            warn_of_bfloat16("backbone.precision=bfloat16", torch.device(self.device), "float32")
        if self.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    @property
    def _dtype(self) -> torch.dtype:
        found: torch.dtype = getattr(torch, self.precision)
        return found

    def _forward(self, x: Shaped[Tensor, "batch ..."]) -> Shaped[Tensor, "batch ..."]:
        x = x.to(self._dtype)
        return self.pooled(x.contiguous(memory_format=torch.channels_last) if self.channels_last else x)

    def _named(self, *parts: str) -> str:
        format_ = ["channels_last"] if self.channels_last else []
        return " ".join([*parts, self.precision, *format_])


@dataclass(frozen=True, kw_only=True)
class TransformedNetwork(Network):
    """Encoder of a library that gives the preparation of an image as one callable, with a text that describes it."""

    @property
    @abstractmethod
    def preparation(self) -> Any:
        """Return the callable: image -> tensor of shape (3, height, width)."""

    @cached_property
    def transform(self) -> str:  # type: ignore[override]
        """Return the preparation as the library describes it, without addresses, which change with the process."""
        return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(str(self.preparation).split()))

    def prepare(self, image: Image.Image) -> Float32[Array, "3 height width"]:
        """Prepare an image as the checkpoint says."""
        return np.asarray(self.preparation(on_white(image)))


def required(module: str, extra: str) -> Any:
    """Import a library.

    Raises:
        InputError: it is not installed, or cannot be imported beside the installed PyTorch.
    """
    from importlib import import_module

    try:
        return import_module(module)
    except Exception as error:  # a library that was built for another PyTorch raises RuntimeError or OSError
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"backbone={module}: cannot be imported ({reason}); pip install 'zsl[{extra}]'") from error


@contextmanager
def unless_it_fails(model: str | Path) -> Iterator[None]:
    """Turn whatever a library raises for a model that it cannot read into an InputError of one line.

    Raises:
        InputError: the library has raised something.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # the libraries raise exceptions of many types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"backbone.model={model}: cannot be read ({reason}); correct it, or fetch it again") from error


def digest_of(parts: Iterable[bytes | memoryview]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of some bytes, as a name of weights."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def state_digest(network: nn.Module) -> str:
    """Return a name of all weights and buffers of a network."""
    state = sorted(network.state_dict().items())
    values = ((f"{name} {tuple(it.shape)}".encode(), _bytes(it)) for name, it in state)
    return digest_of(part for pair in values for part in pair)


def _bytes(tensor: Tensor) -> memoryview:
    array: Array = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return np.ascontiguousarray(array).data
