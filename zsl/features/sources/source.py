"""Interface of sources of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Source(Protocol):
    """Images by number, in an order that depends on their names alone.

    Attributes:
        names: of the images, all different.
        labels: name of the class of every image, None where it is not known.
    """

    @property
    def names(self) -> Sequence[str]:
        """Return the names of all images."""
        ...

    @property
    def labels(self) -> Sequence[str | None]:
        """Return the classes of all images."""
        ...

    def read(self, number: int) -> bytes:
        """Return the content of the file of an image; safe to call from several threads.

        Raises:
            OSError: the content cannot be read.
        """
        ...


def label_of(name: str) -> str | None:
    """Return the first folder of a path with slashes, None where there is none."""
    folder, slash, _ = name.partition("/")
    return folder if slash else None
