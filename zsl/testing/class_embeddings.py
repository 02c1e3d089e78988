"""The contract of class embeddings."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.class_embeddings.embedding import ClassEmbedding
from zsl.data.dataset import ClassDescriptions
from zsl.prediction.components import built, of_object
from zsl.testing.law import hold_all, require

NAMES = ("ant", "brown bear", "cow", "dog", "eel", "fox", "goat", "horned owl")


def animals() -> ClassDescriptions:
    """Return eight classes with names, a matrix ``att`` and texts ``keywords`` and ``text``."""
    att = np.random.default_rng(0).random((len(NAMES), 5)) + 0.05
    texts = tuple(f"{name}, an animal" for name in NAMES)
    return ClassDescriptions(NAMES, {"att": att, "original_att": 100 * att}, {"keywords": texts, "text": texts})


@dataclass(frozen=True)
class ClassEmbeddingUnderTest:
    """A class embedding and classes that it can embed; the first half of them are training classes."""

    embedding: ClassEmbedding
    classes: ClassDescriptions

    def __str__(self) -> str:
        return type(self.embedding).__name__

    @property
    def known(self) -> ClassDescriptions:
        """Return the training classes."""
        return self.classes.part(range((len(self.classes.names) + 1) // 2))

    def phi(self) -> Float64[Array, "classes k"]:
        """Fit on the training classes, and embed all classes."""
        return self.embedding.fit(self.known)(self.classes)


def check_class_embedding(embedding: ClassEmbedding, classes: ClassDescriptions | None = None) -> None:
    """Hold a class embedding to every law of its contract.

    Args:
        embedding: of any class with a method ``fit``.
        classes: at least four classes that it can embed; by default :func:`animals`.

    Raises:
        AssertionError: a law does not hold; the message names the law.
    """
    hold_all(LAWS, ClassEmbeddingUnderTest(embedding, animals() if classes is None else classes))


def each_class_has_one_row(given: ClassEmbeddingUnderTest) -> None:
    """Require that φ is a matrix of finite numbers with one row a class."""
    phi = given.phi()
    require(isinstance(phi, np.ndarray) and phi.ndim == 2, f"φ is {type(phi).__name__} of shape {np.shape(phi)}")
    require(len(phi) == len(given.classes.names) and phi.shape[1] > 0, f"φ has shape {phi.shape}")
    require(phi.dtype.kind == "f" and bool(np.isfinite(phi).all()), f"φ is {phi.dtype}, or not finite")


def a_row_does_not_depend_on_other_classes(given: ClassEmbeddingUnderTest) -> None:
    """Require that the row of a class is the same whichever other classes are asked about, and in any order."""
    embed = given.embedding.fit(given.known)
    phi, order = embed(given.classes), np.random.default_rng(0).permutation(len(given.classes.names))
    np.testing.assert_allclose(embed(given.classes.part([*order])), phi[order], rtol=1e-5, atol=1e-6)
    for i in range(len(phi)):
        np.testing.assert_allclose(embed(given.classes.part([i]))[0], phi[i], rtol=1e-5, atol=1e-6)


def fitting_again_gives_the_same(given: ClassEmbeddingUnderTest) -> None:
    """Require that φ is the same, bit by bit, when it is fitted again."""
    require(np.array_equal(given.phi(), given.phi()), "φ differs")


def what_was_fitted_stays(given: ClassEmbeddingUnderTest) -> None:
    """Require that what was fitted on some classes does not change when it is fitted on others."""
    embed = given.embedding.fit(given.known)
    before = embed(given.classes)
    given.embedding.fit(given.classes.part(range(1, len(given.classes.names))))(given.classes)
    require(np.array_equal(embed(given.classes), before), "φ of the first fit differs after the second")


def descriptions_are_not_written_on(given: ClassEmbeddingUnderTest) -> None:
    """Require that neither embedding classes nor writing to φ changes the descriptions."""
    before = copy.deepcopy(given.classes.matrices)
    given.phi()[:] = np.nan
    for name, matrix in given.classes.matrices.items():
        require(np.array_equal(matrix, before[name]), f"the matrix {name} is another")


def it_can_be_saved_with_a_model(given: ClassEmbeddingUnderTest) -> None:
    """Require that it is data, as a dataclass of numbers, texts and paths is: a saved model embeds new classes."""
    node = json.loads(json.dumps(of_object(given.embedding)))
    again = built(node, "class_embedding", "saved", own=[type(given.embedding)])
    phi = ClassEmbeddingUnderTest(again, given.classes).phi()
    require(np.array_equal(phi, given.phi()), "φ differs once it is saved and loaded")


LAWS = (
    each_class_has_one_row,
    a_row_does_not_depend_on_other_classes,
    fitting_again_gives_the_same,
    what_was_fitted_stays,
    descriptions_are_not_written_on,
    it_can_be_saved_with_a_model,
)
