"""What every data set is, once it has been read: features, labels, class descriptions, splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numpy import ndarray as Array

from zsl.data.class_names import placeholders
from zsl.errors import InputError


@dataclass(frozen=True)
class ClassDescriptions:
    """All that a data set itself knows of its classes; class embeddings are made from it.

    ``names`` are as the data set spells them; ``matrices`` hold numeric descriptions, one row a class (such as
    ``att``, ``original_att``); ``texts`` hold written ones, one string a class (such as ``keywords``). ``numbers`` are
    the positions of these classes among the ``total`` classes of the data set; by default these are all of them.
    """

    names: tuple[str, ...]
    matrices: Mapping[str, Float64[Array, "classes k"]] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: tuple[int, ...] = ()
    total: int = 0

    def __post_init__(self) -> None:
        if not self.numbers:
            object.__setattr__(self, "numbers", tuple(range(len(self.names))))
            object.__setattr__(self, "total", len(self.names))

    def readable_names(self) -> tuple[str, ...]:
        """The names, for a class embedding that is made from what they say.

        Raises:
            InputError: they say nothing: all are numbers, such as ``class 1`` where a split file has no names.
        """
        if placeholders(self.names):
            raise InputError(
                f"class embedding: the data set has no class names but {self.names[0]!r} and the like, which say "
                "nothing; give names with data.class_names=FILE (data=xlsa17), name the folders of images, or use "
                "class_embedding=attributes"
            )
        return self.names

    def take(self, index: Sequence[int]) -> ClassDescriptions:
        """The descriptions of these classes, in this order, as a data set of their own: numbered anew."""
        part = self.part(index)
        return ClassDescriptions(part.names, part.matrices, part.texts)

    def part(self, index: Sequence[int]) -> ClassDescriptions:
        """The descriptions of these classes, in this order, with their numbers in the data set."""
        ids = list(index)
        return ClassDescriptions(
            tuple(self.names[i] for i in ids),
            {key: matrix[ids] for key, matrix in self.matrices.items()},
            {key: tuple(text[i] for i in ids) for key, text in self.texts.items()},
            tuple(self.numbers[i] for i in ids),
            self.total,
        )


@dataclass(frozen=True)
class Splits:
    """Row numbers (0-based) of the images of each part.

    ``trainval`` and ``test_seen`` hold images of seen classes, ``test_unseen`` of unseen ones. ``train`` and ``val``
    divide ``trainval`` by class: hyperparameters are chosen by training on ``train`` and asking about the classes of
    ``val``. Both lie within ``trainval``: no image of ``test_seen`` is among them (in the files that xlsa17 releases,
    some are).
    """

    trainval: Int64[Array, " n"]
    test_seen: Int64[Array, " n"]
    test_unseen: Int64[Array, " n"]
    train: Int64[Array, " n"]
    val: Int64[Array, " n"]

    def parts(self) -> dict[str, Int64[Array, " n"]]:
        """Name -> rows, in a fixed order."""
        names = ("trainval", "test_seen", "test_unseen", "train", "val")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Card:
    """What people should know of a data set: its full name, licences, attributions, and notes made while reading."""

    title: str
    licences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """One data set, read, checked, and fingerprinted.

    ``features`` may be memory-mapped; ``labels[i]`` is a position in ``classes.names``; classes that no split uses
    are answers only (distractors). ``fingerprints`` holds the SHA-256 of features, labels and every split.
    """

    name: str
    features: Float32[Array, "n d"]
    labels: Int64[Array, " n"]
    classes: ClassDescriptions
    splits: Splits
    card: Card
    fingerprints: Mapping[str, str]

    def seen(self) -> np.ndarray:
        """Mask over the classes: those with an image in ``trainval``."""
        mask = np.zeros(len(self.classes.names), dtype=bool)
        mask[self.labels[self.splits.trainval]] = True
        return mask
