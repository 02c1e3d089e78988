"""Texts by the text tower of a model of open_clip, with its own tokenizer, context length and projection."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.class_embeddings import model_settings, text_models
from zsl.errors import InputError
from zsl.files.hub import SETTINGS, checkpoint_folder, weight_files
from zsl.progress.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

CONFIG = "open_clip_config.json"
PREFIX = "open_clip:"


def of_open_clip(model: str | Path) -> OpenCLIPTexts | None:
    """Return the text tower that a name stands for, or None where it is not one of open_clip.

    Names are ``open_clip:NAME:WEIGHTS``, as in ``open_clip:ViT-B-32:laion2b_s34b_b79k`` or with a file of weights, and
    a folder, or ``organisation/name`` on the hub, with ``open_clip_config.json``. Where transformers can read the
    folder, too, it does.

    Raises:
        InputError: the name says no weights, the folder has none, or there is no such name on the hub.
    """
    if str(model).startswith(PREFIX):
        name, _, weights = str(model).removeprefix(PREFIX).partition(":")
        if not name or not weights:
            raise InputError(f"text encoder {model}: says no weights; give {PREFIX}NAME:WEIGHTS")
        return OpenCLIPTexts(str(model), name, weights)
    folder = checkpoint_folder(model, f"text encoder {model}")
    of_transformers = "model_type" in model_settings.read_settings(folder / model_settings.CONFIG) and weight_files(
        folder
    )
    if of_transformers or not (folder / CONFIG).is_file():
        return None
    found = OpenCLIPTexts(str(model), f"local-dir:{folder}", None)
    if not found.weight_files:
        raise InputError(f"text encoder {model}: has no weights; give a folder with open_clip_model.safetensors")
    return found


@dataclass(frozen=True)
class OpenCLIPTexts:
    """A text tower of open_clip.

    Attributes:
        model: what the user calls it.
        name: what open_clip calls it.
        weights: tag in open_clip, or a file; None for a folder, which holds its own.
    """

    model: str
    name: str
    weights: str | None

    @cached_property
    def place(self) -> Path:
        """Return the folder, or the file of the weights, which open_clip may download.

        Raises:
            InputError: open_clip is not installed, or knows no such weights.
        """
        if self.weights is None:
            return Path(self.name.removeprefix("local-dir:"))
        with self._explained() as library:
            settings = library.get_pretrained_cfg(self.name, self.weights)
            file = Path(library.download_pretrained(settings) if settings else self.weights).expanduser()
            if not file.is_file():
                raise ValueError(f"no weights {self.weights}")
            return file

    @property
    def weight_files(self) -> list[Path]:
        """Return the files of which open_clip takes one."""
        if self.weights is not None:
            return [self.place]
        return [path for end in ("safetensors", "bin", "pth") for path in sorted(self.place.glob(f"*.{end}"))]

    @property
    def files(self) -> list[Path]:
        """Return the files that the vectors depend on."""
        settings = [] if self.weights is not None else sorted(p for each in SETTINGS for p in self.place.glob(each))
        return settings + self.weight_files

    @property
    def version(self) -> str:
        """Return what beside the files the vectors depend on."""
        with self._explained() as library:
            return f"open_clip {library.__version__} {self.name if self.weights is not None else ''}".rstrip()

    def encode(self, texts: Sequence[str], canonical: bool | None = None) -> Float32[Array, "n k"]:
        """Encode texts one at a time and on one thread; texts that are too long are cut, which is logged.

        Args:
            texts: what to encode.
            canonical: whether texts are lower-cased and rid of punctuation; otherwise the tokenizer of the model does
                so if the model was trained so.

        Raises:
            InputError: open_clip is not installed, or the model cannot be read.
        """
        import torch

        model, rows, cut = self._read(), [], 0
        tokenizer = self._tokenizer()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode(), self._explained():
                for text in progress(texts, "encoding texts", "texts"):
                    said = text_models.canonical_text(text) if canonical else text
                    tokens: Tensor = tokenizer([said])
                    longest = tokens.shape[1]
                    cut += not torch.equal(tokens, tokenizer([said], context_length=longest + 8)[:, :longest])
                    rows.append(model.encode_text(tokens, normalize=False)[0].float().numpy())
        finally:
            torch.set_num_threads(threads)
        if cut:
            log.warning("text encoder %s: %d of %d texts are cut after %d tokens", self.model, cut, len(texts), longest)
        return np.stack(rows)

    def scale_and_bias(self) -> tuple[float, float | None]:
        """Return s = exp(logit_scale), and b = logit_bias or None.

        Raises:
            InputError: open_clip is not installed, or the model cannot be read.
        """
        model = self._read()
        bias = getattr(model, "logit_bias", None)
        scale = float(model.logit_scale.detach().double().exp())
        return scale, None if bias is None else float(bias.detach())

    def _read(self) -> Any:
        with self._explained() as library:
            tag = self.weights
            if tag is not None and not library.get_pretrained_cfg(self.name, tag):
                tag = str(self.place)
            model = library.create_model_from_pretrained(self.name, tag, return_transform=False, weights_only=True)
            return model.float().eval()

    def _tokenizer(self) -> Any:
        with self._explained() as library:
            if self.weights is None:
                config = model_settings.read_settings(self.place / CONFIG)["model_cfg"]
            else:
                config = library.get_model_config(self.name)
            own = {"trust_remote_code": False, "local_files_only": self.weights is None}
            return library.get_tokenizer(self.name, **(own if config["text_cfg"].get("hf_tokenizer_name") else {}))

    @contextmanager
    def _explained(self) -> Iterator[Any]:
        try:
            import open_clip
        except Exception as error:  # one that was built for another PyTorch raises RuntimeError or OSError
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"text encoder {self.model}: open_clip cannot be imported ({reason}); pip install 'zsl[open_clip]'"
            ) from error
        try:
            yield open_clip
        except InputError:
            raise
        except Exception as error:  # open_clip raises exceptions of many types
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"text encoder {self.model}: cannot be read ({reason}); correct it") from error
