"""Image encoders of timm (PyTorch Image Models): a name of the library, ``hf-hub:NAME``, or a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from zsl.backbones.network import Pooling, TransformedNetwork, required, state_digest, unless_it_fails
from zsl.errors import InputError
from zsl.files.source_file import locate

POOLING: tuple[Pooling, ...] = ("penultimate", "cls", "mean", "map", "patches", "tokens")


@dataclass(frozen=True, kw_only=True)
class Timm(TransformedNetwork):
    """θ(x) of a network of timm, with the transform that its checkpoint states.

    ``penultimate`` is what the classifier is given; ``map`` is the same for networks with attention pooling. A folder
    holds ``config.json`` and ``model.safetensors`` as timm writes them. Nothing is unpickled.
    """

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        """Return the architecture, the digest of the weights, pooling and precision."""
        architecture = self._settings.get("architecture") or type(self.network).__name__
        return self._named(
            "timm", str(architecture), f"sha256:{state_digest(self.network)}", self.pooling or POOLING[0]
        )

    def labels(self) -> Sequence[str]:
        """Return the names that the checkpoint states, or those of the part of ImageNet with as many classes."""
        if names := self._settings.get("label_names"):
            return tuple(map(str, names))
        data = required("timm.data", "timm")
        subset = data.infer_imagenet_subset(self._settings)
        return tuple(data.ImageNetInfo(subset).label_descriptions()) if subset else ()

    def tag(self) -> str | None:
        """Return the tag of the checkpoint, such as ``augreg_in21k_ft_in1k``."""
        found = self._settings.get("tag")
        return str(found) if found else None

    @cached_property
    def network(self) -> nn.Module:
        """Read the network.

        Raises:
            InputError: timm is not installed, or the network or its weights cannot be read.
        """
        library, place = required("timm", "timm"), locate(self.model)
        with unless_it_fails(self.model):
            found: nn.Module = library.create_model(f"local-dir:{place}" if place.is_dir() else str(self.model), True)
        return found

    def pooled(self, x: Shaped[Tensor, "batch 3 height width"]) -> Shaped[Tensor, "batch ..."]:
        """Return the pooled output of the network."""
        network: Any = self._ready
        hidden: Tensor = network.forward_features(x)
        if self.pooling in (None, "penultimate", "map"):
            return torch.as_tensor(network.forward_head(hidden, pre_logits=True))
        prefix = getattr(network, "num_prefix_tokens", 0)
        if hidden.ndim == 4:
            is_last = getattr(network, "output_fmt", "NCHW") == "NHWC"
            hidden = hidden.flatten(1, 2) if is_last else hidden.flatten(2).transpose(1, 2)
        if self.pooling == "cls":
            return hidden[:, 0]
        if self.pooling == "tokens":
            return torch.cat([hidden[:, :1], hidden[:, prefix:]], dim=1)
        return hidden[:, prefix:] if self.pooling == "patches" else hidden[:, prefix:].mean(1)

    @property
    def _settings(self) -> dict[str, Any]:
        found: dict[str, Any] = getattr(self.network, "pretrained_cfg", None) or {}
        return found

    @cached_property
    def preparation(self) -> Any:
        """Return the transform of the checkpoint."""
        self._require_pooling()
        data = required("timm.data", "timm")
        return data.create_transform(**data.resolve_data_config(model=self.network), is_training=False)

    def _require_pooling(self) -> None:
        possible = [name for name in POOLING if name != "projected"]
        if not getattr(self.network, "num_prefix_tokens", 0):
            possible = [name for name in possible if name not in ("cls", "tokens")]
        if getattr(self.network, "global_pool", None) != "map":
            possible.remove("map")
        if self.pooling is not None and self.pooling not in possible:
            raise InputError(f"backbone.pooling={self.pooling}: {self.model} has {', '.join(possible)}; choose one")
