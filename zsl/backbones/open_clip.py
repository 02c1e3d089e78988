"""Image towers of open_clip: projected image embeddings of two-tower models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from zsl.backbones.network import TransformedNetwork, required, state_digest, unless_it_fails
from zsl.errors import InputError
from zsl.files.source_file import locate


@dataclass(frozen=True, kw_only=True)
class OpenCLIP(TransformedNetwork):
    """θ(x) of the image tower of a model of open_clip: the embedding that is compared with that of a text.

    Attributes:
        weights: tag of the weights in open_clip, such as ``laion2b_s34b_b79k``, or a file; None for ``hf-hub:NAME`` and
            for a folder, which hold their own.
    """

    weights: str | None = None

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        """Return the digest of the weights of the image tower, and precision."""
        return self._named(
            "open_clip", type(self.network).__name__, f"sha256:{state_digest(self.network)}", "projected"
        )

    def tag(self) -> str | None:
        """Return the tag of the weights."""
        return None if self.weights is None or Path(self.weights).is_file() else self.weights

    @property
    def preparation(self) -> Any:
        """Return the transform of the checkpoint."""
        return self._read[1]

    @property
    def network(self) -> nn.Module:
        """Read the image tower.

        Raises:
            InputError: open_clip is not installed, or the model or its weights cannot be read.
        """
        return self._read[0]

    def pooled(self, x: Shaped[Tensor, "batch 3 height width"]) -> Shaped[Tensor, "batch d"]:
        """Return the embedding."""
        out: Any = self._ready(x)
        return torch.as_tensor(out[0] if isinstance(out, tuple) else out)

    @cached_property
    def _read(self) -> tuple[nn.Module, Any]:
        if self.pooling not in (None, "projected"):
            raise InputError(f"backbone.pooling={self.pooling}: open_clip has projected alone")
        library, place = required("open_clip", "open_clip"), locate(self.model)
        name = f"local-dir:{place}" if place.is_dir() else str(self.model)
        with unless_it_fails(self.model):
            model, transform = library.create_model_from_pretrained(name, self.weights, weights_only=True)
        return model.visual, transform
