"""Second moments of training images, sums over classes, and their decompositions.

Matrices are decomposed in main memory, whatever the device: a few seconds at most, and the same numbers everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from zsl.errors import InputError

T = TypeVar("T")
PRODUCTS, SUMS = 4096, 128
"""images multiplied, and images summed, at a time: many for products, few enough for the cache in sums"""


def remembered(moment: Callable[[Tensor], T]) -> Callable[[Tensor], T]:
    """Return a cached form of a function of a tensor; a value is valid until the tensor is written to or deleted.

    The value must not be written to. Writing to the tensor through a numpy array that shares its memory is not
    detected.
    """
    memory = WeakTensorKeyDictionary()

    @wraps(moment)
    def recall(x: Tensor) -> T:
        if x.is_inference():  # which does not count what is written to it
            return moment(x)
        if x not in memory or memory[x][0] != x._version:
            memory[x] = x._version, moment(x)
        value: T = memory[x][1]
        return value

    return recall


@remembered
def gram(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    """Return XᵀX in float64; cached.

    Products are in the precision of ``x``, over a few thousand images at a time, and their sums in float64. No copy
    of X is made. For float32 features the error of an entry is some 1e-7 of it.
    """
    A = x.new_zeros(x.shape[1], x.shape[1], dtype=torch.float64)
    product = x.new_empty(A.shape)
    for rows in torch.split(x, PRODUCTS):
        A += _square(rows, product)
    return A


def _square(rows: Float[Tensor, "n d"], out: Float[Tensor, "d d"]) -> Float[Tensor, "d d"]:
    """Return RᵀR; in main memory by numpy, which computes only half of a symmetric product."""
    if rows.device.type != "cpu":
        return torch.mm(rows.T, rows, out=out)
    R = rows.numpy()
    np.matmul(R.T, R, out=out.numpy())
    return out


@remembered
def principal_axes(x: Float[Tensor, "n d"]) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
    """Return the eigenvalues of XᵀX in ascending order and its eigenvectors as columns, in float64; cached."""
    return eigenpairs(gram(x))


def class_sums(x: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, "classes d"]:
    """Return YᵀX in float64, with Y the indicators of the classes: row y is the sum of the images of y."""
    sums = x.new_zeros(classes, x.shape[1], dtype=torch.float64)
    for rows, here in zip(torch.split(x, SUMS), torch.split(labels, SUMS), strict=True):
        sums.index_add_(0, here, rows.double())
    return sums


def class_counts(labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, " classes"]:
    """Return the diagonal of YᵀY in float64: the number of images of each class."""
    return torch.bincount(labels, minlength=classes).double()


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
