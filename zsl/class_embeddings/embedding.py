"""Interface of class embeddings."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed


@runtime_checkable
class ClassEmbedding(Protocol):
    """Class embedding: class descriptions -> φ(y), one row per class."""

    def fit(self, known: ClassDescriptions) -> Embed:
        """Fit parameters such as thresholds and means on ``known``, and return the embedding of any classes.

        The protocol chooses ``known``: the classes with training images in the stage. The returned function maps
        descriptions to φ, one row per class in the order of ``names``; the row of a class does not depend on the other
        classes in the call.

        Raises:
            InputError: the data set lacks descriptions, or a file cannot be read. The returned function raises it if
                a class cannot be embedded; the message lists the classes and a cure.
        """
        ...
