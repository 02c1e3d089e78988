"""Sizes of the five benchmarks, and labels and splits of exactly these sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from numpy import ndarray as Array

from zsl.data.dataset import Splits
from zsl.errors import InputError


@dataclass(frozen=True)
class Group:
    """Sizes of a group of classes: training and test images, and about the fewest and the most images of a class."""

    classes: int
    train: int
    test: int
    fewest: int
    most: int

    def images(self, imbalance: float) -> tuple[Int64[Array, " classes"], Int64[Array, " classes"]]:
        """Return the numbers of training and of test images of every class; the sums are exact.

        The largest class comes first. Sizes follow w(q) = fewest + (most - fewest) (1 - q)^p over the quantiles
        q ∈ [0, 1] of the classes, with p such that ∫w = fewest + (most - fewest)/(p + 1) is the mean;
        ``imbalance`` is an exponent on w, so 0 makes all classes equal.

        Raises:
            InputError: a class has no image.
        """
        mean = (self.train + self.test) / self.classes
        p = (self.most - self.fewest) / (mean - self.fewest) - 1 if self.most > self.fewest else 0.0
        q = (np.arange(self.classes) + 0.5) / self.classes
        w = (self.fewest + (self.most - self.fewest) * (1 - q) ** p) ** imbalance
        sizes = apportion(self.train + self.test, w)
        test = apportion(self.test, sizes)
        if not test.all() or (self.train and not (sizes - test).all()):
            raise InputError(f"data.imbalance={imbalance} leaves a class without images; choose a smaller one")
        return sizes - test, test


@dataclass(frozen=True)
class Shape:
    """Sizes of a data set. The test images of ``train`` and ``val`` classes together are ``test_seen``."""

    attributes: int
    features: int
    train: Group
    val: Group
    unseen: Group

    @property
    def groups(self) -> tuple[Group, Group, Group]:
        """Return the groups of training, validation and unseen classes."""
        return self.train, self.val, self.unseen

    def roles(self, rng: np.random.Generator) -> list[Int64[Array, " m"]]:
        """Draw the classes of each group at random, so that the order of the classes carries no information."""
        counts = [group.classes for group in self.groups]
        return np.split(rng.permutation(sum(counts)), np.cumsum(counts)[:-1])


SHAPES = {
    "toy": Shape(16, 32, Group(12, 480, 120, 20, 120), Group(4, 120, 30, 20, 60), Group(4, 0, 150, 20, 60)),
    "sun": Shape(102, 2048, Group(580, 9280, 2320, 20, 20), Group(65, 1040, 260, 20, 20), Group(72, 0, 1440, 20, 20)),
    "cub": Shape(312, 2048, Group(100, 4702, 1173, 41, 60), Group(50, 2355, 591, 44, 60), Group(50, 0, 2967, 50, 60)),
    "awa1": Shape(
        85, 2048, Group(27, 13460, 3404, 208, 1168), Group(13, 6372, 1554, 92, 1073), Group(10, 0, 5685, 261, 1100)
    ),
    "awa2": Shape(
        85, 2048, Group(27, 16187, 4031, 180, 1344), Group(13, 7340, 1851, 100, 1200), Group(10, 0, 7913, 174, 1645)
    ),
    "apy": Shape(64, 2048, Group(15, 4906, 1226, 51, 1400), Group(5, 1026, 257, 51, 700), Group(12, 0, 7924, 60, 5071)),
}
"""The Proposed Split [Xian2018]. How ``trainval`` divides into ``train`` and ``val``, and ``test_seen`` between their
classes, follows from the released index lists (in aPY ``test_seen`` is in proportion). The range of images per class
is that of the labels in AwA1, CUB and SUN, and near it in AwA2 and aPY."""


def shape_of(name: str) -> Shape:
    """Return the shape called ``name``.

    Raises:
        InputError: there is no such shape.
    """
    if name not in SHAPES:
        raise InputError(f"data.shape={name} is unknown; choose one of {', '.join(SHAPES)}")
    return SHAPES[name]


def layout(
    shape: Shape, roles: list[Int64[Array, " m"]], imbalance: float, rng: np.random.Generator
) -> tuple[Int64[Array, " n"], Splits]:
    """Draw labels in random order, and the splits.

    Raises:
        InputError: ``imbalance`` is not within [0, 1].
    """
    if not 0 <= imbalance <= 1:
        raise InputError(f"data.imbalance={imbalance}: choose a number from 0 to 1")
    blocks: list[tuple[str, Array]] = []
    tests = ("test_seen", "test_seen", "test_unseen")
    for group, classes, learn, test in zip(shape.groups, roles, ("train", "val", ""), tests, strict=True):
        for part, counts in zip((learn, test), group.images(imbalance), strict=True):
            blocks.append((part, np.repeat(classes, counts)))
    order = rng.permutation(sum(len(block) for _, block in blocks))
    labels = np.concatenate([block for _, block in blocks])[order]
    part_of = np.repeat([part for part, _ in blocks], [len(block) for _, block in blocks])[order]
    train, val, test_seen, test_unseen = (
        np.flatnonzero(part_of == part) for part in ("train", "val", "test_seen", "test_unseen")
    )
    return labels, Splits(np.sort(np.concatenate([train, val])), test_seen, test_unseen, train, val)


def apportion(total: int, weights: Float[Array, " classes"] | Int64[Array, " classes"]) -> Int64[Array, " classes"]:
    """Divide ``total`` into whole numbers in proportion to ``weights``, by the largest-remainder method."""
    exact = total * np.asarray(weights, dtype=np.float64) / np.sum(weights)
    whole: Int64[Array, " classes"] = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return whole
