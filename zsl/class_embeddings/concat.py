"""Concatenation of class embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from annotated_types import Interval
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.class_embeddings.embedding import ClassEmbedding
from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed
from zsl.data.scaling import unit_rows
from zsl.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Part:
    """w φ(y), or w φ(y)/‖φ(y)‖₂ (``l2``; a row of zeros stays)."""

    embedding: ClassEmbedding
    weight: Annotated[float, Interval(ge=0, le=1e6)] = 1.0
    l2: bool = True

    def fit(self, known: ClassDescriptions) -> Embed:
        """Fit the weighted embedding on ``known``."""
        return partial(self._weighted, self.embedding.fit(known))

    def _weighted(self, embed: Embed, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
        phi = np.asarray(embed(classes), dtype=np.float64)
        return self.weight * (unit_rows(phi) if self.l2 else phi)


@dataclass(frozen=True, kw_only=True)
class Concat:
    """φ(y) = [w₁ φ₁(y), …, w_m φ_m(y)].

    With rows of length 1 in every part, ⟨φ(y), φ(y′)⟩ = Σ_i w_i² cos(φ_i(y), φ_i(y′)): the weights are the
    contributions of the parts to the similarity of two classes, whatever the dimension of each part.

    Raises:
        InputError: there are no parts, or no weight differs from 0.
    """

    parts: Mapping[str, Part]

    def __post_init__(self) -> None:
        if not any(part.weight for part in self.parts.values()):
            raise InputError("class_embedding.parts: nothing to concatenate; give a part with a weight other than 0")

    def fit(self, known: ClassDescriptions) -> Embed:
        """Fit every part on ``known``, and return the concatenation in the order of ``parts``."""
        return partial(_side_by_side, [part.fit(known) for part in self.parts.values()])


def _side_by_side(parts: Sequence[Embed], classes: ClassDescriptions) -> Float64[Array, "classes k"]:
    return np.concatenate([part(classes) for part in parts], axis=1)
