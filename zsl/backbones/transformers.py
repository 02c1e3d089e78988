"""Image encoders of Hugging Face transformers: ViT, DINOv2 and v3, ConvNeXt, image towers of CLIP, SigLIP, ALIGN, …"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float32, Shaped
from numpy import ndarray as Array
from PIL import Image
from torch import Tensor, nn

from zsl.backbones.network import Network, Pooling, digest_of, required, unless_it_fails
from zsl.backbones.preprocessing import on_white
from zsl.errors import InputError
from zsl.files.hub import WEIGHTS, checkpoint_folder, weight_files
from zsl.files.regular_file import read_bytes

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
LARGEST = 2**26
"""the largest number of bytes of a file of settings"""


@dataclass(frozen=True)
class Family:
    """How features are taken from the models of one type.

    Attributes:
        pooling: default, and the others that are possible.
        prefix: tokens before the patches, beside the registers that the configuration counts.
        kind: class of transformers.
        needless: beginning of weights that a checkpoint may lack.
    """

    pooling: tuple[Pooling, ...]
    prefix: int = 0
    kind: str = "AutoModel"
    needless: str = ""


_VIT = Family(("cls", "mean", "penultimate", "patches", "tokens"), 1, needless="pooler.")
_PAIR = Family(("projected",))
_MAPS = Family(("penultimate", "mean", "patches"))
FAMILIES = {
    **dict.fromkeys(("vit", "dinov2", "dinov2_with_registers", "dinov3_vit"), _VIT),
    "deit": Family(_VIT.pooling, 2, needless="pooler."),
    **dict.fromkeys(("convnext", "convnextv2", "resnet", "swin", "swinv2"), _MAPS),
    "dinov3_convnext": Family(_MAPS.pooling, 1),
    **dict.fromkeys(
        ("clip", "clip_vision_model"), Family(("projected", "cls", "mean", "patches", "tokens"), 1, "CLIPVisionModel")
    ),
    **dict.fromkeys(("align", "vision-text-dual-encoder"), _PAIR),
    **dict.fromkeys(("siglip", "siglip_vision_model"), Family(("map", "mean", "patches"), 0, "SiglipVisionModel")),
}
"""type of a model -> how features are taken from it"""


@dataclass(frozen=True, kw_only=True)
class Transformers(Network):
    """θ(x) of a checkpoint: a folder with its configuration and weights, or a name on the hub.

    Images are prepared as ``preprocessor_config.json`` says, by the processor on Pillow and NumPy where transformers
    has one, so that features do not depend on whether torchvision is installed. Weights are read from safetensors, or
    from ``pytorch_model.bin`` without unpickling objects; code of a checkpoint is never run.
    """

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        """Return type, digest of configuration and weights, pooling and precision."""
        parts = (each for path in (self._folder / CONFIG, *self._weights) for each in _blocks(path))
        return self._named("transformers", self._type, f"sha256:{digest_of(parts)}", self._pooling)

    @cached_property
    def transform(self) -> str:  # type: ignore[override]
        """Return the class of the image processor, and its settings."""
        noise = {"image_processor_type", "processor_class", "feature_extractor_type", "auto_map"}
        settings = {key: value for key, value in self._processor.to_dict().items() if key not in noise}
        return f"{type(self._processor).__name__} {json.dumps(settings, sort_keys=True, default=str)}"

    def labels(self) -> Sequence[str]:
        """Return the names of a classifier's labels, unless they are placeholders."""
        config = self._config
        is_classifier = any("ForImageClassification" in name for name in config.get("architectures") or ())
        names = [str(name) for name in (config.get("id2label") or {}).values()] if is_classifier else []
        return () if all(re.fullmatch(r"LABEL_\d+", name) for name in names) else names

    def prepare(self, image: Image.Image) -> Float32[Array, "3 height width"]:
        """Prepare an image as the checkpoint says."""
        made = self._processor(images=on_white(image), return_tensors="np")
        if set(made) != {"pixel_values"}:
            raise InputError(f"backbone.model={self.model}: needs {', '.join(made)} of an image; choose another model")
        pixels: Array = made["pixel_values"][0]
        return pixels

    @cached_property
    def network(self) -> nn.Module:
        """Read the network.

        Raises:
            InputError: transformers is not installed, or the checkpoint cannot be read or lacks weights.
        """
        family, library = FAMILIES[self._type], required("transformers", "transformers")
        projected = "WithProjection" if self._pooling == "projected" and family is not _PAIR else ""
        own = {"local_files_only": True, "trust_remote_code": False, "output_loading_info": True}
        safe = all(path.suffix == ".safetensors" for path in self._weights)
        with _quiet(), unless_it_fails(self.model):
            kind = getattr(library, family.kind + projected)
            model, info = kind.from_pretrained(self._folder, **own, use_safetensors=safe, weights_only=True)
        missing = [key for key in info["missing_keys"] if not (family.needless and key.startswith(family.needless))]
        if missing or info["mismatched_keys"]:
            raise InputError(
                f"backbone.model={self.model}: its weights lack {sorted(missing)[:1]}; give a whole checkpoint"
            )
        found: nn.Module = model
        return found

    def pooled(self, x: Shaped[Tensor, "batch 3 height width"]) -> Shaped[Tensor, "batch ..."]:
        """Return the pooled output of the network."""
        return self.pooled_by(self._ready, x)

    @cached_property
    def width(self) -> int:
        """Return the number of features."""
        return int(self([Image.new("RGB", (8, 8))]).shape[-1])

    @property
    def normalisation(self) -> tuple[Sequence[float], Sequence[float]]:
        """Return means and deviations of red, green and blue, of 0 to 255, that the network is given 0 and 1 for."""
        settings = self._processor.to_dict()
        unit = 1 / settings["rescale_factor"] if settings.get("do_rescale", True) else 1.0
        if not settings.get("do_normalize", True):
            return [0.0] * 3, [unit] * 3
        mean, deviation = settings["image_mean"], settings["image_std"]
        return [unit * value for value in mean], [unit * value for value in deviation]

    def pooled_by(self, network: Any, x: Shaped[Tensor, "batch 3 height width"]) -> Shaped[Tensor, "batch ..."]:
        """Return the pooled output that a network of this kind makes of normalised pixels."""
        if FAMILIES[self._type] is _PAIR:
            return torch.as_tensor(network.get_image_features(pixel_values=x).pooler_output)
        out, pooling = network(pixel_values=x), self._pooling
        if pooling == "projected":
            return torch.as_tensor(out.image_embeds)
        of_tower = FAMILIES[self._type].kind != "AutoModel"
        if pooling == "map" or (pooling == "cls" and of_tower) or (pooling == "penultimate" and self._is_map):
            return torch.as_tensor(out.pooler_output).flatten(1)
        hidden: Tensor = out.last_hidden_state
        tokens = hidden.flatten(2).transpose(1, 2) if hidden.ndim == 4 else hidden
        registers = int(self._config.get("num_register_tokens") or 0)
        patches = tokens[:, FAMILIES[self._type].prefix + (registers if not self._is_map else 0) :]
        if pooling == "patches":
            return patches
        if pooling == "tokens":
            return torch.cat([tokens[:, :1], patches], dim=1)
        if pooling == "mean":
            return patches.mean(1)
        if pooling == "penultimate" and self._type.startswith("dinov2"):
            return torch.cat([tokens[:, 0], patches.mean(1)], dim=1)
        return tokens[:, 0]

    @property
    def _is_map(self) -> bool:
        return FAMILIES[self._type].pooling == _MAPS.pooling

    @property
    def _pooling(self) -> Pooling:
        possible = FAMILIES[self._type].pooling
        if self.pooling is not None and self.pooling not in possible:
            raise InputError(f"backbone.pooling={self.pooling}: {self._type} has {', '.join(possible)}; choose one")
        return self.pooling or possible[0]

    @cached_property
    def _type(self) -> str:
        found = str(self._config.get("model_type"))
        if found not in FAMILIES:
            raise InputError(f"backbone.model={self.model}: of type {found}; choose one of {', '.join(FAMILIES)}")
        return found

    @cached_property
    def _config(self) -> dict[str, Any]:
        return self._settings(CONFIG)

    def _settings(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads(read_bytes(self._folder / name, LARGEST))
            if not isinstance(content, dict):
                raise ValueError("holds no settings")
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"backbone.model={self.model}: {name} cannot be read ({reason}); give a folder with it"
            ) from error
        return content

    @cached_property
    def _processor(self) -> Any:
        library = required("transformers", "transformers")
        settings = self._settings(PREPROCESSOR)
        with _quiet(), unless_it_fails(self.model):
            if "DINOv3" in str(settings.get("image_processor_type")):  # has no processor on Pillow; this one is equal
                return library.ViTImageProcessorPil.from_dict(settings)
            own = {"local_files_only": True, "trust_remote_code": False}
            return library.AutoImageProcessor.from_pretrained(self._folder, backend="pil", **own)

    @cached_property
    def _weights(self) -> list[Path]:
        found = weight_files(self._folder)
        if not found:
            raise InputError(f"backbone.model={self.model}: no weights; give a folder with {WEIGHTS[0]}")
        return found

    @cached_property
    def _folder(self) -> Path:
        place = checkpoint_folder(self.model, f"backbone.model={self.model}")
        if not place.is_dir():
            raise InputError(
                f"backbone.model={self.model}: no such folder; give a folder, or organisation/name on the hub"
            )
        return place


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            yield block


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bars and remarks of transformers off the terminal."""
    logging = required("transformers.utils.logging", "transformers")
    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
