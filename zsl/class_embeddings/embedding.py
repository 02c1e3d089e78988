"""The contract of class embeddings."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from zsl.data.dataset import ClassDescriptions
from zsl.data.descriptions import Embed


@runtime_checkable
class ClassEmbedding(Protocol):
    """What is known of the classes -> φ(y), one row a class."""

    def fit(self, known: ClassDescriptions) -> Embed:
        """The embedding of any classes of this data set, with thresholds, means and the like fitted on ``known``.

        The protocol chooses ``known``: the classes with training images in the stage at hand. What is returned maps
        descriptions to φ, in the order of their ``names``, row by row: the row of a class does not depend on which
        other classes are asked about.

        Raises:
            InputError: the data set lacks what is needed, or a file cannot be read. What is returned raises it where
                a class cannot be embedded; the message lists the classes and says what to do.
        """
        ...
