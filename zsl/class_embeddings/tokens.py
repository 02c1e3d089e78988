"""Token ids: a text for every class -> what a text tower reads, for methods that train within the tower."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.class_embeddings.template import filled
from zsl.class_embeddings.text_encoder import encoder_folder
from zsl.class_embeddings.text_models import Reader
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed
from zsl.data.scaling import EmbeddingScale
from zsl.errors import InputError

NONE = -1.0
"""what follows the token ids of a text"""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """φ(y) = (t_1, …, t_n, -1, …, -1): the token ids of a text, as many numbers as the model can read tokens.

    The text is ``template`` filled with ``{name}`` (words with spaces between) and the data set's written descriptions,
    such as ``{keywords}``. It is read as the model was trained: padded, and in lower case without punctuation, where
    the model was. φ of this kind is for methods with a text tower alone, such as CoOp.
    """

    template: str = "{name}"
    canonical: bool | None = None
    """texts in lower case without punctuation; None: as the model was trained, which is so for SigLIP"""
    model: str | Path | None = None
    """folder of a sentence encoder or of a two-tower model, or its name on the hub; None: the packaged
    all-MiniLM-L6-v2"""

    scales: ClassVar[tuple[EmbeddingScale, ...]] = ("none",)
    """values of ``scale``: token ids are no vector"""
    token_ids: ClassVar[bool] = True
    """whether φ(y) are token ids, which only methods with a text tower read"""

    def fit(self, known: ClassDescriptions) -> Embed:
        """Check template and model folder, and return the tokenizer; nothing is fitted.

        Raises:
            InputError: the template has a field that the data set does not have, the folder has no tokenizer, or
                transformers is not installed.
        """
        filled(self.template, known, "class_embedding.template")
        return partial(self._ids, Reader(encoder_folder(self.model), self.canonical))

    def _ids(self, reader: Reader, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
        texts = filled(self.template, classes, "class_embedding.template")
        rows, reader.cut = np.full((len(texts), reader.longest), NONE), 0
        for row, text in zip(rows, texts, strict=True):
            tokens = reader(text)
            if not tokens.get("attention_mask", tokens["input_ids"] >= 0).all():
                raise InputError(
                    f"class_embedding.model={reader.folder}: its tokenizer masks the padding that the model reads; "
                    "take attention_mask from model_input_names in tokenizer_config.json"
                )
            row[: tokens["input_ids"].shape[1]] = tokens["input_ids"][0].numpy()
        reader.note_cuts(len(texts))
        return rows
