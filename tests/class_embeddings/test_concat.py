"""Concatenation: parts in order, each of its weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsl.class_embeddings.attributes import Attributes
from zsl.class_embeddings.concat import Concat, Part
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError

RNG = np.random.default_rng(0)
CLASSES = ClassDescriptions(tuple("abc"), {"att": RNG.normal(size=(3, 4)), "wide": 100 * RNG.normal(size=(3, 7))})


@given(st.floats(-5, 5), st.floats(0.1, 5))
def test_similarities_are_weighted_sums_of_the_parts_cosines(first: float, second: float) -> None:
    """⟨φ, φ′⟩ = Σ w² cos: the formula of the docstring, pair by pair."""
    weights = {"att": first, "wide": second}
    concat = Concat(parts={kind: Part(embedding=Attributes(kind=kind), weight=w) for kind, w in weights.items()})
    phi = concat.fit(CLASSES)(CLASSES)
    for i in range(3):
        for j in range(3):
            similarity = 0.0
            for kind, w in weights.items():
                a, b = CLASSES.matrices[kind][[i, j]]
                similarity += w**2 * (a @ b) / np.sqrt((a @ a) * (b @ b))
            assert phi[i] @ phi[j] == pytest.approx(similarity, abs=1e-9)


def test_without_l2_the_parts_stand_side_by_side_as_they_are() -> None:
    part = {name: Part(embedding=Attributes(kind=name), l2=False) for name in ("wide", "att")}
    assert np.array_equal(
        Concat(parts=part).fit(CLASSES)(CLASSES), np.hstack([CLASSES.matrices["wide"], CLASSES.matrices["att"]])
    )


def test_a_row_of_zeros_stays() -> None:
    classes = ClassDescriptions(("a", "b"), {"att": np.array([[0.0, 0.0], [3.0, 4.0]])})
    assert Concat(parts={"a": Part(embedding=Attributes())}).fit(classes)(classes).tolist() == [[0, 0], [0.6, 0.8]]


@pytest.mark.parametrize("parts", [{}, {"a": Part(embedding=Attributes(), weight=0.0)}])
def test_nothing_to_concatenate_is_an_error(parts: dict[str, Part]) -> None:
    with pytest.raises(InputError, match=r"class_embedding.parts"):
        Concat(parts=parts)
