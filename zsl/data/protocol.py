"""The protocol: who sees what, and when.

``tune`` trains on the train classes and asks about the validation classes; ``final`` trains on trainval and asks about
the test classes. A stage hands training a :class:`TrainingSet` and evaluation a :class:`HeldOut`; the two have no
array in common, and nothing that training is given leads to the second. Class embeddings are fitted by each stage on
its own training classes: under ``tune`` those of train, under ``final`` those of trainval.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from numpy import ndarray as Array

from zsl.data.dataset import ClassDescriptions, Dataset
from zsl.data.descriptions import FitEmbedding, embed, shuffled
from zsl.data.examples import Examples
from zsl.data.fingerprint import sha256, verified_fingerprints
from zsl.data.label_space import LabelSpace
from zsl.data.scaling import EmbeddingScale, FeatureScale, Scaling, fit_scaling, scale_embeddings
from zsl.data.splits import hold_out
from zsl.data.training_set import Setting, TrainingSet
from zsl.errors import InputError


@dataclass(frozen=True)
class LoadedImages:
    """Held-out images that have been read and scaled."""

    classes: LabelSpace
    seen: Examples
    unseen: Examples


@dataclass(frozen=True)
class ImageRows:
    """Images where they lie: ``at`` are their places in ``features``, ``rows`` their numbers in the data set."""

    features: Float32[Array, "m d"]
    at: Int64[Array, " n"]
    labels: Int64[Array, " n"]
    rows: Int64[Array, " n"]

    def cut(self) -> ImageRows:
        """These images and no others: a copy that leads to nothing else."""
        return ImageRows(np.array(self.features[self.at]), np.arange(len(self.at)), self.labels, self.rows)


@dataclass(frozen=True)
class HeldOut:
    """Images that only evaluation opens; until then they are places in the data set, or under ``tune`` in a copy of
    nothing but the train and validation images.

    ``seen`` gives images of seen classes, ``unseen`` of unseen ones, with labels into ``classes``, read and scaled at
    every call.
    """

    classes: LabelSpace
    scaling: Scaling
    """of features, fitted on the training images"""
    _seen: ImageRows
    _unseen: ImageRows

    @property
    def rows(self) -> Int64[Array, " n"]:
        """The numbers of the images in the data set, those of unseen classes last."""
        return np.concatenate([self._seen.rows, self._unseen.rows])

    def seen(self) -> Examples:
        """Held-out images of seen classes."""
        return self._read(self._seen)

    def unseen(self) -> Examples:
        """Images of unseen classes."""
        return self._read(self._unseen)

    def load(self) -> LoadedImages:
        """Both, for who asks about them many times."""
        return LoadedImages(self.classes, self.seen(), self.unseen())

    def _read(self, images: ImageRows) -> Examples:
        x = self.scaling(images.features[images.at])
        return Examples(torch.from_numpy(x), torch.from_numpy(images.labels))


@dataclass(frozen=True)
class EmbeddedDataset:
    """What both stages are cut from: a data set, how its classes are embedded, and how to scale images and φ.

    A ``shuffle_seed`` permutes the class descriptions (see :func:`zsl.data.descriptions.shuffled`).
    """

    dataset: Dataset
    fit_embedding: FitEmbedding
    feature_scale: FeatureScale
    embedding_scale: EmbeddingScale
    shuffle_seed: int | None = None

    @cached_property
    def descriptions(self) -> ClassDescriptions:
        """What is known of every class, permuted if asked."""
        return self.dataset.classes if self.shuffle_seed is None else shuffled(self.dataset, self.shuffle_seed)

    @cached_property
    def phi(self) -> Float64[Array, "classes k"]:
        """φ of all classes in the final stage, not scaled: what is fitted is fitted on the seen classes."""
        return embed(self.fit_embedding, self.descriptions, self.dataset.seen())

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """SHA-256 of features, labels and every split, held against the arrays, and of ``phi``.

        Raises:
            InputError: an array does not match the fingerprint that the data set gives.
        """
        return {**verified_fingerprints(self.dataset), "class_embeddings": sha256(self.phi)}


@dataclass(frozen=True)
class Stage:
    """One stage of the protocol over one data set: ``tune`` or ``final``."""

    name: str
    classes: LabelSpace
    held_out: HeldOut
    phi: Float64[Array, "classes k"]
    """φ of ``classes``, not scaled"""
    _train: Examples

    @property
    def dims(self) -> tuple[int, int, int, int]:
        """d, k and the numbers of seen and of unseen classes."""
        seen = int(self.classes.seen.sum())
        return self._train.inputs.shape[1], self.classes.embeddings.shape[1], seen, len(self.classes) - seen

    @property
    def version(self) -> int:
        """Changes when somebody writes to the training images, as nobody should."""
        return self._train.inputs._version

    def training(self, setting: Setting) -> TrainingSet:
        """What a method of this setting may learn from."""
        if setting is Setting.INDUCTIVE:
            return TrainingSet(self._train, self.classes).of_seen_classes()
        unlabelled = self.held_out.unseen().inputs if setting is Setting.TRANSDUCTIVE else None
        return TrainingSet(self._train, self.classes, unlabelled)


def tune(source: EmbeddedDataset, seen_holdout: float = 0.2) -> Stage:
    """The stage in which choices are made. Its label space is the train and validation classes alone; of every train
    class a fixed ``seen_holdout`` of the images is kept back, so that s, and with it H, can be measured too.

    Raises:
        InputError: ``seen_holdout`` is not within (0, 1).
    """
    require_share(seen_holdout)
    splits, labels = source.dataset.splits, source.dataset.labels
    train, seen_rows = hold_out(splits.train, labels, seen_holdout)
    used = np.unique(labels[np.concatenate([splits.train, splits.val])])
    phi = embed(source.fit_embedding, source.descriptions.part(used.tolist()), np.isin(used, labels[train]))
    return _stage("tune", source, used, phi, train, seen_rows, splits.val)


def require_share(seen_holdout: float) -> None:
    """Refuse a share that is none, or all.

    Raises:
        InputError: it is not within (0, 1).
    """
    if not 0 < seen_holdout < 1:
        raise InputError(f"protocol.seen_holdout={seen_holdout}: give a share between 0 and 1, such as 0.2")


def final(source: EmbeddedDataset) -> Stage:
    """The stage whose numbers are reported: trainval against the test images, all classes as answers."""
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
    x = dataset.features[train]
    scaling = fit_scaling(source.feature_scale, x)
    examples = Examples(torch.from_numpy(scaling(x)), torch.from_numpy(labels[train]))
    seen_images, unseen_images = (ImageRows(dataset.features, r, labels[r], r) for r in (seen_rows, unseen_rows))
    if name == "tune":
        seen_images, unseen_images = seen_images.cut(), unseen_images.cut()
    held_out = HeldOut(classes, scaling, seen_images, unseen_images)
    return Stage(name, classes, held_out, phi, examples)
