"""Prompts: names -> texts -> φ(y) of any text encoder, with ensembles of texts and controls for language."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
from annotated_types import Interval
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.class_embeddings.name_variants import read_names
from zsl.class_embeddings.prompt_files import read_class_texts, templates
from zsl.class_embeddings.prompt_texts import OF_DESCRIPTIONS, Control, Wording
from zsl.class_embeddings.text_encoder import TextEncoder
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed
from zsl.data.scaling import EmbeddingScale, unit_rows
from zsl.errors import InputError
from zsl.hyperparameters import require_choice

log = logging.getLogger(__name__)

Ensemble = Literal["mean_normalised", "mean_raw", "mean_scores", "max"]
BARE = "a photo of a {}."
"""the template where nothing is said of what to say"""


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """φ(y) of the vectors v_t that a text encoder makes of the texts t of class y, with u_t = v_t/‖v_t‖:

    - ``mean_normalised``: m/‖m‖ with m = 1/T Σ_t u_t, as for CLIP [Radford2021];
    - ``mean_raw``: m/‖m‖ with m = 1/T Σ_t v_t;
    - ``mean_scores``: 1/T Σ_t u_t, so that ⟨θ, φ⟩ = 1/T Σ_t cos(θ, u_t) for ‖θ‖ = 1, as for descriptors [Menon2023];
    - ``max``: [u_1, …, u_m], all texts side by side (repeated up to the largest number of texts of a class), of which
      ``method=zero_shot`` takes max_t cos(θ, u_t); for other methods it is a concatenation.

    The texts are templates filled with each name of the class, its sentences, and its descriptors.
    """

    templates: str | list[str] | None = None
    """templates with ``{}`` for the name, or names of sets; None: ``a photo of a {}.``, but with sentences or
    descriptors no template"""
    names: str | Path | None = None
    """JSON of class -> one or several names; or ``imagenet1k``, the names that CLIP was asked for ImageNet's wnids; or
    ``wordnet``, the name and its synonyms in WordNet 3.0; None: the names of the data set"""
    sentences: str | Path | None = None
    """JSON of class -> sentences [Pratt2023]"""
    descriptors: str | Path | None = None
    """JSON of class -> descriptors [Menon2023]: ``name, which has descriptor``"""
    joined: bool = False
    """one text ``name: descriptor, descriptor, …`` instead of one text a descriptor"""
    ensemble: Ensemble = "mean_normalised"
    control: Control = "none"
    control_seed: Annotated[int, Interval(ge=0, le=2**32 - 1)] = 0
    canonical: bool | None = None
    """texts in lower case without punctuation; None: as the model was trained, which is so for SigLIP"""
    model: str | Path | None = None
    """folder of a sentence encoder or of a two-tower model, or its name on the hub; or ``open_clip:NAME:WEIGHTS``;
    None: the packaged all-MiniLM-L6-v2, 384-d"""
    cache: str | Path = "~/.cache/zsl"

    def __post_init__(self) -> None:
        require_choice(self.ensemble, "class_embedding.ensemble", get_args(Ensemble))
        require_choice(self.control, "class_embedding.control", get_args(Control))
        if self.control in OF_DESCRIPTIONS and self.sentences is None and self.descriptors is None:
            raise InputError(
                f"class_embedding.control={self.control}: there are no descriptions; give class_embedding.sentences "
                "or class_embedding.descriptors"
            )
        if self.joined and self.descriptors is None:
            raise InputError("class_embedding.joined=true: nothing to join; give class_embedding.descriptors")

    @property
    def scales(self) -> tuple[EmbeddingScale, ...]:
        """Return the values of ``scale`` that leave the ensemble what it is: the length of a mean of scores counts."""
        return ("none",) if self.ensemble == "mean_scores" else get_args(EmbeddingScale)

    def fit(self, known: ClassDescriptions) -> Embed:
        """Read the files, check the folder of the model, and return the encoder of texts; nothing is fitted.

        Raises:
            InputError: a file or template cannot be used, a class is missing in a file, or the model cannot be loaded.
                The returned function raises it for further classes.
        """
        wording = self.wording(tuple(known.texts))
        wording.texts(known)
        return _Embedding(self, wording, TextEncoder(self.model, self.cache, self.canonical))

    def wording(self, texts: Sequence[str] = ()) -> Wording:
        """Return what is said of a class; ``texts`` are the written descriptions of the data set.

        Raises:
            InputError: a file or template cannot be used.
        """
        files = {
            key: read_class_texts(path, f"class_embedding.{key}")
            for key, path in (("sentences", self.sentences), ("descriptors", self.descriptors))
            if path is not None
        }
        names = None if self.names is None else read_names(self.names)
        silent = not files and self.control not in ("waffle", "name_only")
        chosen = self.templates if self.templates is not None else BARE if silent else []
        return Wording(
            templates(chosen, texts), names, **files, joined=self.joined, control=self.control, seed=self.control_seed
        ).controlled()


@dataclass
class _Embedding:
    """Classes -> φ; it notes which classes were asked for, to tell of texts of classes that do not exist."""

    prompts: Prompts
    wording: Wording
    encoder: TextEncoder
    asked: dict[int, str] = field(default_factory=dict)
    """number of a class in the data set -> its name"""

    def __call__(self, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
        texts = self.wording.texts(classes)
        said = [text for own in texts for text in own]
        vectors = dict(zip(said, self.encoder(said).astype(np.float64), strict=True))
        self._note(classes)
        return np.stack([self._ensemble(np.stack([vectors[text] for text in own])) for own in texts])

    def _ensemble(self, rows: Float64[Array, "texts k"]) -> Float64[Array, " m"]:
        if self.prompts.ensemble == "max":
            every = np.resize(unit_rows(rows), (self.wording.most, rows.shape[1]))
            return every.reshape(-1)
        mean: Float64[Array, " k"] = (rows if self.prompts.ensemble == "mean_raw" else unit_rows(rows)).mean(axis=0)
        return mean if self.prompts.ensemble == "mean_scores" else unit_rows(mean[None])[0]

    def _note(self, classes: ClassDescriptions) -> None:
        """Warn of texts of classes that do not exist, and of classes without synonyms, once all were asked for."""
        complete = len(self.asked) == classes.total
        self.asked.update(zip(classes.numbers, classes.names, strict=True))
        if complete or len(self.asked) < classes.total:
            return
        for given in (self.wording.names, self.wording.sentences, self.wording.descriptors):
            if given is not None and (said := given.remark(list(self.asked.values()))):
                log.warning("%s: %s", given.place, said)
