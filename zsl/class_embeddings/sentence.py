"""Sentence encoders: a text for every class -> φ(y), as in Sentence-BERT [Reimers2019]."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.class_embeddings.template import filled
from zsl.class_embeddings.text_encoder import TextEncoder
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """φ(y) = m/‖m‖₂ with m = 1/T Σ_t h_t: the mean of the encoder's last hidden states over the tokens of the text, or
    what else the model makes of a text (:func:`zsl.class_embeddings.text_models.encode`).

    The text is ``template`` filled with ``{name}`` (words with spaces between) and the data set's written
    descriptions, such as ``{keywords}``. Weights are read without unpickling objects, and no code of a model is run.
    Encoded texts are cached in ``cache``.
    """

    template: str = "{name}"
    model: str | Path | None = None
    """folder with config.json, tokenizer.json and model.safetensors, or its name on the hub; None: the packaged
    all-MiniLM-L6-v2, 384-d"""
    cache: str | Path = "~/.cache/zsl"

    def fit(self, known: ClassDescriptions) -> Embed:
        """Check template and model folder, and return the encoder; nothing is fitted.

        Raises:
            InputError: the template has a field that the data set does not have, the model folder is missing or
                cannot be loaded, or transformers is not installed.
        """
        self.texts(known)
        return partial(self._encoded, TextEncoder(self.model, self.cache))

    def _encoded(self, encoder: TextEncoder, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
        import torch

        rows = torch.from_numpy(encoder(self.texts(classes)))
        return np.asarray(torch.nn.functional.normalize(rows, dim=1).double().numpy())

    def texts(self, classes: ClassDescriptions) -> list[str]:
        """Return the filled template of every class.

        Raises:
            InputError: the template has an unknown field (the message lists the known ones), or no field.
        """
        return filled(self.template, classes, "class_embedding.template")
