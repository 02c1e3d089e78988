"""The contract of data sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zsl.data.dataset import Dataset, require_finite
from zsl.data.fingerprint import verified_fingerprints
from zsl.data.splits import SplitsOrigin, audit
from zsl.testing.law import hold_all, require


@dataclass(frozen=True)
class DatasetUnderTest:
    """A loader, and the data set that it loads."""

    load: Callable[[], Dataset]

    def __str__(self) -> str:
        return str(getattr(self.load, "__name__", self.load))

    @cached_property
    def dataset(self) -> Dataset:
        """Return the data set, loaded once for all laws."""
        return self.load()


def check_data(load: Callable[[], Dataset]) -> None:
    """Hold a data set to every law of its contract.

    Args:
        load: the loader; ``functools.partial`` gives it arguments.

    Raises:
        AssertionError: a law does not hold; the message names the law.
    """
    hold_all(LAWS, DatasetUnderTest(load))


def a_dataset_of_finite_features_is_loaded(given: DatasetUnderTest) -> None:
    """Require that the loader returns a Dataset with a title and finite features of type float32."""
    found = given.load()
    require(isinstance(found, Dataset), f"it returns {type(found).__name__}")
    require(np.asarray(found.features[:1]).dtype == np.float32, f"features are {np.asarray(found.features[:1]).dtype}")
    require(bool(found.card.title.strip()), "its card has no title")
    require_finite(found)


def splits_leak_nothing(given: DatasetUnderTest) -> None:
    """Require that splits pass the audit: no image in two parts, no unseen class in training, and all that follows."""
    audit(given.dataset.splits, given.dataset.labels, SplitsOrigin(given.dataset.name))


def fingerprints_are_those_of_the_arrays(given: DatasetUnderTest) -> None:
    """Require that fingerprints are the digests of features, labels and splits."""
    verified_fingerprints(given.dataset)


def loading_again_gives_the_same(given: DatasetUnderTest) -> None:
    """Require that loading again gives the same images, labels, splits, names and descriptions."""
    one, other = given.dataset, given.load()
    require(one.fingerprints == other.fingerprints, "fingerprints differ")
    require(one.classes.names == other.classes.names, "names of classes differ")
    for name, matrix in one.classes.matrices.items():
        require(np.array_equal(matrix, other.classes.matrices[name]), f"the matrix {name} differs")


LAWS = (
    a_dataset_of_finite_features_is_loaded,
    splits_leak_nothing,
    fingerprints_are_those_of_the_arrays,
    loading_again_gives_the_same,
)
