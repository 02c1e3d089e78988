"""``zsl.load_data``: a data set with its class embedding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy import ndarray as Array

from zsl.api.stage import Stage
from zsl.api.tables import Table, pipes
from zsl.config.build import load_source, stage_of
from zsl.config.checking import plain
from zsl.config.compose import compose
from zsl.config.data_sets import recent_data
from zsl.config.settings import ClassEmbeddingKeys, DataKeys, ProtocolKeys
from zsl.data.dataset import Dataset
from zsl.data.protocol import EmbeddedDataset
from zsl.data.row_blocks import RowBlocks
from zsl.errors import InputError
from zsl.features.cache import by_content
from zsl.files.escaping import markdown_line
from zsl.hyperparameters import require_choice

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, eq=False)
class Data:
    """A data set: features and labels of images, names and descriptions of classes, splits, and a class embedding.

    Attributes:
        dataset: the data set as runs use it, with ``card``, ``splits`` and ``fingerprints``.
        config: the keys of ``data``, ``class_embedding`` and ``protocol``.
    """

    dataset: Dataset
    config: Mapping[str, Mapping[str, Any]]

    def __repr__(self) -> str:
        (n, d), seen = self.features.shape, self.seen
        return (
            f"{self.dataset.name}: {n} images, {d} features each; "
            f"{int(seen.sum())} seen and {int((~seen).sum())} unseen classes"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all classes."""
        return self.dataset.classes.names

    @property
    def features(self) -> Float32[Array, "n d"] | RowBlocks:
        """The features θ(x) of every image, not scaled; in shards where they are, and numpy.asarray reads them all."""
        return self.dataset.features

    @property
    def labels(self) -> Int64[Array, " n"]:
        """The class of every image, as a position in ``names``; -1 for an image of no class."""
        return self.dataset.labels

    @property
    def seen(self) -> Bool[Array, " classes"]:
        """Mask of the classes that have training images."""
        return self.dataset.seen()

    @property
    def texts(self) -> Mapping[str, tuple[str, ...]]:
        """Written descriptions by kind, such as ``keywords``, one text a class."""
        return self.dataset.classes.texts

    @cached_property
    def source(self) -> EmbeddedDataset:
        """The data set with its class embedding, as runs use it.

        Raises:
            InputError: a class cannot be embedded.
        """
        return load_source(self.config["data"], self.config["class_embedding"])

    @property
    def phi(self) -> Float64[Array, "classes k"]:
        """The class embeddings φ(y), one row a class, fitted on the seen classes and not scaled.

        Raises:
            InputError: a class cannot be embedded.
        """
        return self.source.phi

    def images(self, part: str) -> tuple[Float32[Array, "n d"], Int64[Array, " n"]]:
        """Return features, not scaled, and labels of a part.

        Args:
            part: ``"trainval"``, ``"train"``, ``"val"``, ``"test_seen"`` or ``"test_unseen"``.

        Raises:
            InputError: there is no such part.
        """
        parts = self.dataset.splits.parts()
        require_choice(part, "part", tuple(parts))
        return self.features[parts[part]], self.labels[parts[part]]

    def pictures(self, rows: Iterable[int]) -> list[Image]:
        """Return the images of these rows of the features, as images of Pillow.

        Raises:
            InputError: the data set has features alone, or there is no such row.
        """
        if self.dataset.picture is None:
            raise InputError(f"{self.dataset.name}: has features alone; no picture can be shown")
        chosen = list(rows)
        for row in chosen:
            if not isinstance(row, int | np.integer) or not 0 <= row < len(self.labels):
                raise InputError(f"pictures: {row!r} is no row; give whole numbers from 0 to {len(self.labels) - 1}")
        return [self.dataset.picture(int(row)) for row in chosen]

    def stage(self, name: str = "final") -> Stage:
        """Return a stage of the protocol.

        Args:
            name: ``"tune"``, which learns from train classes and asks about validation classes, or ``"final"``, which
                learns from all seen classes and asks about the test images.

        Raises:
            InputError: there is no such stage, or a class cannot be embedded.
        """
        require_choice(name, "stage", ("tune", "final"))
        return Stage(stage_of(self.source, name, self.config["protocol"]["seen_holdout"]), self.source)

    def table(self) -> Table:
        """Return a table of the parts, with numbers of images and classes and fingerprints, and licences and notes."""
        lines = [
            (name, len(rows), len(np.unique(self.labels[rows])), self.dataset.fingerprints[name][:16])
            for name, rows in (("features", np.arange(len(self.labels))), *self.dataset.splits.parts().items())
        ]
        notes = [f"- {markdown_line(text)}" for text in (*self.dataset.card.licences, *self.dataset.card.notes)]
        head = ("part", "images", "classes", "SHA-256, the first 16 digits")
        title = f"**{markdown_line(self.dataset.card.title)}**"
        return Table("\n\n".join([title, markdown_line(repr(self)), pipes(head, lines), "\n".join(notes)]))


def load_data(name: str, *overrides: str) -> Data:
    """Load a data set by its name, with the class embedding that it has by default.

    Args:
        name: one of ``zsl.choices("data")``, such as ``"emoji"``.
        *overrides: keys as ``zsl train`` takes them, such as ``"class_embedding=minilm_keywords"``.

    Raises:
        InputError: there is no such data set, or it cannot be loaded.
    """
    if not isinstance(name, str):
        raise InputError(f"data: {name!r} is no name; give one such as 'emoji'")
    cfg = compose([f"data={name}", *overrides])
    hints = {"data": DataKeys, "class_embedding": ClassEmbeddingKeys, "protocol": ProtocolKeys}
    return data_of({key: plain(cfg, key, hint) for key, hint in hints.items()})


def data_of(config: Mapping[str, Mapping[str, Any]]) -> Data:
    """Load the data set of a resolved configuration.

    Raises:
        InputError: the data set cannot be loaded.
    """
    with by_content():
        return Data(recent_data(config["data"]), config)
