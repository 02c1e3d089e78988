"""The evaluation protocol: which images and classes training and evaluation may use in each stage.

``tune`` trains on the train classes and evaluates on the validation classes; ``final`` trains on trainval and evaluates
on the test classes. A stage gives training a :class:`TrainingSet` and evaluation a :class:`HeldOut`. The two share no
array, and the held-out images cannot be reached from the training set. Images of either that take more than 1 GiB are
not copied but read from the data set where they are used. Each stage fits the class embedding on its own
training classes: those of train under ``tune``, those of trainval under ``final``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from numpy import ndarray as Array
from torch import Tensor

from zsl.data.dataset import ClassDescriptions, Dataset
from zsl.data.descriptions import FitEmbedding, embed, shuffled
from zsl.data.examples import Examples
from zsl.data.fingerprint import sha256, verified_fingerprints
from zsl.data.label_space import LabelSpace
from zsl.data.row_blocks import RowBlocks
from zsl.data.scaling import EmbeddingScale, FeatureScale, Scaling, fit_scaling, scale_embeddings
from zsl.data.splits import hold_out, require_share
from zsl.data.stored_rows import IN_MEMORY, StoredRows
from zsl.data.training_set import Setting, TrainingSet


@dataclass(frozen=True)
class ImageRows:
    """References to rows of a feature matrix: ``at`` are positions in ``features``, ``rows`` those in the data set."""

    features: Float32[Array, "m d"] | RowBlocks
    at: Int64[Array, " n"]
    labels: Int64[Array, " n"]
    rows: Int64[Array, " n"]

    def cut(self) -> ImageRows:
        """Return a copy that holds the features of these images only, so that no other image can be reached from it.

        Images that take more than 1 GiB stay where they are.
        """
        if self.nbytes > IN_MEMORY:
            return self
        return ImageRows(np.array(self.features[self.at]), np.arange(len(self.at)), self.labels, self.rows)

    @property
    def nbytes(self) -> int:
        """Return the bytes that the features of these images take in memory."""
        return 4 * len(self.at) * self.features.shape[1]


@dataclass(frozen=True)
class HeldOut:
    """Held-out images, which only evaluation reads: those of seen classes first, then those of unseen classes.

    They are references to rows of the data set, or under ``tune`` to rows of a copy that holds only train and
    validation images where these take less than 1 GiB, and are scaled whenever they are read. Labels are positions in
    ``classes``.
    """

    classes: LabelSpace
    scaling: Scaling
    """feature scaling, fitted on the training images"""
    _seen: ImageRows
    _unseen: ImageRows

    @property
    def rows(self) -> Int64[Array, " n"]:
        """Return the row numbers of the images in the data set."""
        return np.concatenate([self._seen.rows, self._unseen.rows])

    @property
    def labels(self) -> Int64[Array, " n"]:
        """Return the labels of the images."""
        return np.concatenate([self._seen.labels, self._unseen.labels])

    @property
    def seen_images(self) -> int:
        """Return the number of images of seen classes."""
        return len(self._seen.at)

    def read(self, start: int, stop: int) -> Float32[Tensor, "rows d"]:
        """Read and scale the images ``start`` to ``stop``."""
        first = self.seen_images
        parts = ((self._seen, start, min(stop, first)), (self._unseen, max(start - first, 0), stop - first))
        x = [images.features[images.at[a:b]] for images, a, b in parts if a < b]
        if not x:
            return torch.empty(0, self._seen.features.shape[1])
        return torch.from_numpy(self.scaling(x[0] if len(x) == 1 else np.concatenate(x)))

    def seen(self) -> Examples:
        """Read all held-out images of seen classes."""
        return Examples(self.read(0, self.seen_images), torch.from_numpy(self._seen.labels))

    def unseen(self) -> Examples:
        """Read all images of unseen classes."""
        return Examples(self.read(self.seen_images, len(self.rows)), torch.from_numpy(self._unseen.labels))

    def load(self) -> HeldOut:
        """Return the images read and scaled, for repeated evaluation; unchanged where they take more than 1 GiB."""
        seen, unseen = self._seen, self._unseen
        if seen.nbytes + unseen.nbytes > IN_MEMORY:
            return self
        loaded = (
            replace(images, features=examples.tensor.numpy(), at=np.arange(len(examples)))
            for images, examples in ((seen, self.seen()), (unseen, self.unseen()))
        )
        return HeldOut(self.classes, Scaling("none"), *loaded)


@dataclass(frozen=True)
class EmbeddedDataset:
    """Data set with a class embedding and the scaling of features and of φ; both stages are made from it.

    A ``shuffle_seed`` permutes the class descriptions (see :func:`zsl.data.descriptions.shuffled`).
    """

    dataset: Dataset
    fit_embedding: FitEmbedding
    feature_scale: FeatureScale
    embedding_scale: EmbeddingScale
    shuffle_seed: int | None = None

    @cached_property
    def descriptions(self) -> ClassDescriptions:
        """Return the descriptions of all classes, permuted if ``shuffle_seed`` is given."""
        return self.dataset.classes if self.shuffle_seed is None else shuffled(self.dataset, self.shuffle_seed)

    @cached_property
    def phi(self) -> Float64[Array, "classes k"]:
        """Return φ of all classes in the final stage, fitted on the seen classes and not scaled."""
        return embed(self.fit_embedding, self.descriptions, self.dataset.seen())

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Return the SHA-256 of features, labels and every split, verified against the arrays, and of ``phi``.

        Raises:
            InputError: an array does not match the fingerprint in the data set.
        """
        return {**verified_fingerprints(self.dataset), "class_embeddings": sha256(self.phi)}


@dataclass(frozen=True)
class Stage:
    """Stage of the protocol on a data set: ``tune`` or ``final``."""

    name: str
    classes: LabelSpace
    held_out: HeldOut
    phi: Float64[Array, "classes k"]
    """φ of ``classes``, not scaled"""
    _train: Examples

    @property
    def dims(self) -> tuple[int, int, int, int]:
        """Return d, k, the number of seen classes and the number of unseen classes."""
        seen = int(self.classes.seen.sum())
        return self._train.inputs.shape[1], self.classes.embeddings.shape[1], seen, len(self.classes) - seen

    @property
    def version(self) -> int:
        """Return the version counter of the training images, which changes if a method writes to them."""
        inputs = self._train.inputs
        return inputs._version if isinstance(inputs, Tensor) else 0

    def training(self, setting: Setting) -> TrainingSet:
        """Return the training set that a method of the given setting may use."""
        if setting is Setting.INDUCTIVE:
            return TrainingSet(self._train, self.classes).of_seen_classes()
        unlabelled = self.held_out.unseen().tensor if setting is Setting.TRANSDUCTIVE else None
        return TrainingSet(self._train, self.classes, unlabelled)


def tune(source: EmbeddedDataset, seen_holdout: float = 0.2) -> Stage:
    """Return the stage in which hyperparameters are chosen.

    The label space is the train and validation classes. A fixed share ``seen_holdout`` of the images of every train
    class is held out, so that s, and with it H, can be measured; of classes with few images that may be none.

    Raises:
        InputError: ``seen_holdout`` is not within (0, 1).
    """
    require_share(seen_holdout)
    splits, labels = source.dataset.splits, source.dataset.labels
    train, seen_rows = hold_out(splits.train, labels, seen_holdout)
    used = np.unique(labels[np.concatenate([splits.train, splits.val])])
    phi = embed(source.fit_embedding, source.descriptions.part(used.tolist()), np.isin(used, labels[train]))
    return _stage("tune", source, used, phi, train, seen_rows, splits.val)


def final(source: EmbeddedDataset) -> Stage:
    """Return the stage whose results are reported: training on trainval, testing over all classes."""
    splits = source.dataset.splits
    every = np.arange(len(source.dataset.classes.names))
    return _stage("final", source, every, source.phi, splits.trainval, splits.test_seen, splits.test_unseen)


def _stage(
    name: str,
    source: EmbeddedDataset,
    used: Int64[Array, " c"],
    phi: Float64[Array, "c k"],
    train: Int64[Array, " n"],
    seen_rows: Int64[Array, " s"],
    unseen_rows: Int64[Array, " u"],
) -> Stage:
    dataset = source.dataset
    position = np.full(len(dataset.classes.names), -1)
    position[used] = np.arange(len(used))
    labels = np.where((dataset.labels >= 0) & (dataset.labels < len(position)), dataset.labels, 0)
    labels = np.where(dataset.labels == labels, position[labels], -1)
    seen = np.zeros(len(used), dtype=bool)
    seen[labels[train]] = True
    names = tuple(dataset.classes.names[i] for i in used)
    scaled = scale_embeddings(source.embedding_scale, phi, seen)
    classes = LabelSpace(names, torch.from_numpy(scaled.astype(np.float32)), torch.from_numpy(seen))
    images, seen_images, unseen_images = (
        ImageRows(dataset.features, rows, labels[rows], rows) for rows in (train, seen_rows, unseen_rows)
    )
    scaling = fit_scaling(source.feature_scale, dataset.features, train)
    stored = StoredRows(dataset.features, train, scaling)
    inputs = stored if images.nbytes > IN_MEMORY else stored[:]
    examples = Examples(inputs, torch.from_numpy(images.labels))
    if name == "tune":
        seen_images, unseen_images = seen_images.cut(), unseen_images.cut()
    held_out = HeldOut(classes, scaling, seen_images, unseen_images)
    return Stage(name, classes, held_out, phi, examples)
