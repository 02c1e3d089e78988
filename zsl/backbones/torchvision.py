"""Image encoders of torchvision: the input of the classifier of any of its networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from zsl.backbones.network import TransformedNetwork, required, state_digest, unless_it_fails
from zsl.errors import InputError
from zsl.files.named_arrays import TORCH


@dataclass(frozen=True, kw_only=True)
class Torchvision(TransformedNetwork):
    """θ(x) of a network of torchvision, such as ``resnet101``: what its last linear layer is given.

    Attributes:
        weights: name of the weights in torchvision, which states the preprocessing.
        file: ``.safetensors`` or ``.pt`` (tensors alone) with the weights themselves; None: torchvision fetches them.
    """

    weights: str = "DEFAULT"
    file: str | Path | None = None

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        """Return the architecture, the digest of the weights, and precision."""
        return self._named("torchvision", str(self.model), f"sha256:{state_digest(self.network)}", "penultimate")

    def labels(self) -> Sequence[str]:
        """Return the names of the classes that the weights were trained on."""
        return tuple(self._entry.meta.get("categories", ()))

    @cached_property
    def network(self) -> nn.Module:
        """Read the network, without its last linear layer.

        Raises:
            InputError: torchvision is not installed, or the network or its weights cannot be read.
        """
        if self.pooling not in (None, "penultimate"):
            raise InputError(f"backbone.pooling={self.pooling}: torchvision has penultimate alone")
        models = required("torchvision.models", "torchvision")
        with unless_it_fails(self.model):
            found: nn.Module = models.get_model(str(self.model), weights=None, num_classes=len(self.labels()) or 1000)
            found.load_state_dict(self._state())
        name, last = list(found.named_modules())[-1]
        if not isinstance(last, nn.Linear):
            raise InputError(f"backbone.model={self.model}: does not end in a linear layer; choose another network")
        above, _, own = name.rpartition(".")
        setattr(found.get_submodule(above), own, nn.Identity())
        return found

    def pooled(self, x: Shaped[Tensor, "batch 3 height width"]) -> Shaped[Tensor, "batch d"]:
        """Return the input of the classifier."""
        out: Tensor = self._ready(x)
        return out

    def _state(self) -> Any:
        if self.file is None:
            return torch.hub.load_state_dict_from_url(
                self._entry.url, progress=False, check_hash=True, map_location="cpu", weights_only=True
            )
        if Path(self.file).suffix in TORCH:
            return torch.load(self.file, map_location="cpu", weights_only=True)
        from safetensors.torch import load_file

        return load_file(self.file)

    @cached_property
    def _entry(self) -> Any:
        models = required("torchvision.models", "torchvision")
        with unless_it_fails(self.model):
            return models.get_model_weights(str(self.model))[self.weights]

    @cached_property
    def preparation(self) -> Any:
        """Return the transform of the checkpoint."""
        return self._entry.transforms()
