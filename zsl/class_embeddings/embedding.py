"""The contract of class embeddings."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.data.dataset import ClassDescriptions


@runtime_checkable
class ClassEmbedding(Protocol):
    """What is known of the classes -> φ(y), one row a class."""

    def __call__(self, classes: ClassDescriptions) -> Float64[Array, "classes k"]:
        """φ(y) of every class, in the order of ``classes.names``.

        Raises:
            InputError: a class cannot be embedded; the message lists the classes and says what to do.
        """
        ...
