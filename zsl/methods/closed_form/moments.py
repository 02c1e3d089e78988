"""Second moments of training images, sums over classes, and their decompositions.

Matrices are decomposed in main memory, whatever the device: a few seconds at most, and the same numbers everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Generic, TypeVar

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from zsl.data.stored_rows import StoredRows, blocks
from zsl.errors import InputError

T = TypeVar("T")
Features = Tensor | StoredRows
"""n × d; stored rows are read once, in blocks"""
PRODUCTS, SUMS = 4096, 128
"""images multiplied, and images summed, at a time: many for products, few enough for the cache in sums"""


class Remembered(Generic[T]):
    """A function of features that keeps its values; one is valid until the features are written to or deleted.

    Values must not be written to. Writing to a tensor through a numpy array that shares its memory is not detected.
    """

    def __init__(self, moment: Callable[[Features], T]) -> None:
        self._moment = moment
        self._memory = WeakIdKeyDictionary()
        update_wrapper(self, moment)

    def __call__(self, x: Features) -> T:
        """Return the value, computed if it is not known."""
        if isinstance(x, Tensor) and x.is_inference():  # which does not count what is written to it
            return self._moment(x)
        if not self.knows(x):
            self.remember(x, self._moment(x))
        value: T = self._memory[x][1]
        return value

    def knows(self, x: Features) -> bool:
        """Tell whether there is a valid value."""
        return x in self._memory and self._memory[x][0] == _version(x)

    def remember(self, x: Features, value: T) -> None:
        """Keep a value that was computed elsewhere."""
        self._memory[x] = _version(x), value


def _version(x: Features) -> int:
    return x._version if isinstance(x, Tensor) else 0


@Remembered
def gram(x: Features) -> Float[Tensor, "d d"]:
    """Return XᵀX in float64; cached.

    Products are in the precision of ``x``, over a few thousand images at a time, and their sums in float64. No copy
    of X is made. For float32 features the error of an entry is some 1e-7 of it.
    """
    total = _Gram(x)
    for rows in blocks(x, PRODUCTS):
        total.add(rows)
    return total.A


class _Gram:
    """XᵀX of the rows that were added."""

    def __init__(self, x: Features) -> None:
        self.A = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64, device=x.device)
        self._product = torch.empty(self.A.shape, dtype=x.dtype, device=x.device)

    def add(self, rows: Float[Tensor, "n d"]) -> None:
        """Add RᵀR, computed in main memory by numpy, which computes only half of a symmetric product."""
        if rows.device.type == "cpu":
            R = rows.numpy()
            np.matmul(R.T, R, out=self._product.numpy())
        else:
            torch.mm(rows.T, rows, out=self._product)
        self.A += self._product


@Remembered
def principal_axes(x: Features) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
    """Return the eigenvalues of XᵀX in ascending order and its eigenvectors as columns, in float64; cached."""
    return eigenpairs(gram(x))


def class_sums(
    x: Features, labels: Int[Tensor, " n"], classes: int, squared: bool = False
) -> Float[Tensor, "classes d"]:
    """Return YᵀX in float64, with Y the indicators of the classes: row y is the sum of the images of y.

    ``squared`` sums the squares of the features, rounded as the features are.
    """
    sums = torch.zeros(classes, x.shape[1], dtype=torch.float64, device=x.device)
    for rows, here in zip(blocks(x, PRODUCTS), torch.split(labels, PRODUCTS), strict=True):
        _add(sums, rows.square() if squared else rows, here)
    return sums


def gram_and_class_sums(
    x: Features, labels: Int[Tensor, " n"], classes: int
) -> tuple[Float[Tensor, "d d"], Float[Tensor, "classes d"]]:
    """Return `gram` and `class_sums`; stored rows are read once for both."""
    if isinstance(x, Tensor) or gram.knows(x):
        return gram(x), class_sums(x, labels, classes)
    total, sums = _Gram(x), torch.zeros(classes, x.shape[1], dtype=torch.float64, device=x.device)
    for rows, here in zip(blocks(x, PRODUCTS), torch.split(labels, PRODUCTS), strict=True):
        total.add(rows)
        _add(sums, rows, here)
    gram.remember(x, total.A)
    return total.A, sums


def _add(sums: Float[Tensor, "classes d"], rows: Float[Tensor, "n d"], labels: Int[Tensor, " n"]) -> None:
    for some, of in zip(torch.split(rows, SUMS), torch.split(labels, SUMS), strict=True):
        sums.index_add_(0, of, some.double())


def class_counts(labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, " classes"]:
    """Return the diagonal of YᵀY in float64: the number of images of each class."""
    return torch.bincount(labels, minlength=classes).double()


def class_scatter(x: Features, labels: Int[Tensor, " n"], means: Float[Tensor, "classes d"]) -> Float[Tensor, "d d"]:
    """Return Σ_n (x_n - m)(x_n - m)ᵀ in float64, m the mean of the class of each image.

    All of it is computed in double precision, and without the difference of large sums, so that it is 0 where a class
    has one image.
    """
    total = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64, device=x.device)
    for rows, here in zip(blocks(x, PRODUCTS), torch.split(labels, PRODUCTS), strict=True):
        away = rows.double() - means[here]
        total += away.T @ away
    return total


def ridge_factor(A: Float[Tensor, "m m"], **penalty: float) -> Float[Tensor, "m m"]:
    """Return the Cholesky factor of A + penalty · I, the penalty given by the name of its hyperparameter.

    Raises:
        InputError: the sum is singular to rounding.
    """
    ((name, value),) = penalty.items()
    shifted = A.clone()
    shifted.diagonal().add_(value)
    try:
        L = scipy.linalg.cholesky(shifted.numpy(force=True).T, lower=True, overwrite_a=True, check_finite=False)
    except scipy.linalg.LinAlgError:
        raise _lost(name, value) from None
    return torch.from_numpy(L).to(A.device)


def ridge_spectrum(values: Float[Tensor, " m"], **penalty: float) -> Float[Tensor, " m"]:
    """Return the eigenvalues of A + penalty · I, from those of A in ascending order.

    Raises:
        InputError: the sum is singular to rounding.
    """
    ((name, value),) = penalty.items()
    if values[0] + value <= _rounding(values):
        raise _lost(name, value)
    return values + value


def _lost(name: str, value: float) -> InputError:
    return InputError(f"method.{name}={value}: lost in the rounding of the matrix it is added to; choose a larger one")


def _rounding(values: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """Return the distance from 0 to which rounding can move an eigenvalue that is 0."""
    return len(values) * torch.finfo(values.dtype).eps * values[-1]


def cholesky_solve(B: Float[Tensor, "m k"], L: Float[Tensor, "m m"]) -> Float[Tensor, "m k"]:
    """Return (LLᵀ)⁻¹B."""
    X = scipy.linalg.cho_solve((L.numpy(force=True), True), B.numpy(force=True), check_finite=False)
    return torch.from_numpy(X).to(B.device)


def eigenpairs(A: Float[Tensor, "m m"]) -> tuple[Float[Tensor, " m"], Float[Tensor, "m m"]]:
    """Return the eigenvalues of a symmetric matrix in ascending order, and their eigenvectors as columns."""
    pairs = scipy.linalg.eigh(A.numpy(force=True).T, driver="evd", check_finite=False)
    values, vectors = (torch.from_numpy(array).to(A.device) for array in pairs)
    return values, vectors


def positive(
    values: Float[Tensor, " m"], vectors: Float[Tensor, "m m"]
) -> tuple[Float[Tensor, " r"], Float[Tensor, "m r"]]:
    """Return those eigenpairs of a positive semidefinite matrix whose eigenvalue is not 0 to rounding."""
    first = int((values <= _rounding(values)).sum())
    return values[first:], vectors[:, first:]
