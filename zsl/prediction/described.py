"""Descriptions of the classes of a model, and the embedding of classes that it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64
from numpy import ndarray as Array

from zsl.data.class_names import suggest_name
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import FitEmbedding
from zsl.data.label_space import LabelSpace
from zsl.data.scaling import EmbeddingScale, scale_embeddings
from zsl.errors import InputError
from zsl.prediction.arrays import array_of


@dataclass(frozen=True)
class Described:
    """How classes are described: what is known of them, and the class embedding that embeds further ones.

    Attributes:
        descriptions: of every class of the label space, in its order.
        phi: φ of these classes, not scaled.
        scale: of φ.
        embedding: fits a class embedding on the seen classes; None where φ was given as an array.
        node: the class embedding as data.
    """

    descriptions: ClassDescriptions
    phi: Float64[Array, "classes k"]
    scale: EmbeddingScale = "none"
    embedding: FitEmbedding | None = None
    node: Mapping[str, Any] | None = None

    def embedded(
        self, fresh: Mapping[str, str | Float[Array, " k"] | None], classes: LabelSpace
    ) -> Float32[Array, "new k"]:
        """Embed classes that the model does not know, and scale their φ as in training.

        Args:
            fresh: name of a class -> its φ, a text for the class embedding, or None.
            classes: the label space of training.

        Raises:
            InputError: a class cannot be embedded, or its φ does not have k finite numbers.
        """
        k = self.phi.shape[1]
        rows = []
        for name, given in fresh.items():
            row = (
                self._embed(name, given, classes)
                if given is None or isinstance(given, str)
                else array_of("labels", given)
            )
            if row.shape != (k,) or row.dtype.kind not in "fiub" or not np.isfinite(row).all():
                raise InputError(f"labels: φ of {name!r} has shape {row.shape}; give {k} finite numbers")
            rows.append(row)
        every = np.concatenate([self.phi, np.stack(rows)])
        seen = np.concatenate([classes.seen.numpy(), np.zeros(len(rows), dtype=bool)])
        return scale_embeddings(self.scale, every, seen)[-len(rows) :].astype(np.float32)

    def _embed(self, name: str, text: str | None, classes: LabelSpace) -> Float64[Array, " k"]:
        fit, descriptions = self.embedding, self.descriptions
        offer = suggest_name(name, classes.names, "give its φ, in Python: labels={name: array}")
        if fit is None:
            raise InputError(f"labels: {name!r} is no class of the model, which has no class embedding; {offer}")
        known = descriptions.part(classes.seen_ids.tolist())
        texts = dict.fromkeys(descriptions.texts or {"text": ()}, (text,)) if text is not None else {}
        fresh = ClassDescriptions((name,), {}, texts, (descriptions.total,), descriptions.total + 1)
        try:
            row: Array = np.asarray(fit(known)(fresh), dtype=np.float64)[0]
        except (KeyError, IndexError) as error:  # attributes, or rows of a file: there are none of a new class
            what = f"labels: {name!r} is no class of the model, and φ cannot be made from a name"
            raise InputError(f"{what}; {offer}") from error
        return row
