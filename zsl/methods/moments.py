"""What closed forms need to know of the training images: second moments, sums over classes; and their decompositions.

Matrices are decomposed in main memory, whatever the device: a few seconds at most, and the same numbers everywhere.
"""

from __future__ import annotations

import scipy.linalg
import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.errors import InputError

PRODUCTS, SUMS = 4096, 128
"""images multiplied, and images summed, at a time: many keep the processor busy, few stay in its cache"""


def gram(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    """XᵀX in float64.

    Products are in the precision of ``x``, over a few thousand images at a time, and their sums in float64. No copy
    of X is made. For float32 features the error of an entry is some 1e-7 of it.
    """
    A = x.new_zeros(x.shape[1], x.shape[1], dtype=torch.float64)
    for rows in torch.split(x, PRODUCTS):
        A += _square(rows)
    return A


def _square(rows: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    """RᵀR; in main memory as numpy does it, which sees that half of a symmetric product is enough."""
    if rows.device.type != "cpu":
        return rows.T @ rows
    R = rows.numpy()
    return torch.from_numpy(R.T @ R)


def class_sums(x: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, "classes d"]:
    """YᵀX in float64, with Y the indicators of the classes: row y is the sum of the images of y."""
    sums = x.new_zeros(classes, x.shape[1], dtype=torch.float64)
    for rows, here in zip(torch.split(x, SUMS), torch.split(labels, SUMS), strict=True):
        sums.index_add_(0, here, rows.double())
    return sums


def class_counts(labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, " classes"]:
    """The diagonal of YᵀY in float64: how many images each class has."""
    return torch.bincount(labels, minlength=classes).double()


def ridge_factor(A: Float[Tensor, "m m"], **penalty: float) -> Float[Tensor, "m m"]:
    """The Cholesky factor of A + penalty · I, the penalty given by the name of its hyperparameter.

    Raises:
        InputError: the sum is singular to rounding.
    """
    ((name, value),) = penalty.items()
    shifted = A.clone()
    shifted.diagonal().add_(value)
    try:
        L = scipy.linalg.cholesky(shifted.numpy(force=True).T, lower=True, overwrite_a=True, check_finite=False)
    except scipy.linalg.LinAlgError:
        raise InputError(
            f"method.{name}={value}: lost in the rounding of the matrix it is added to; choose a larger one"
        ) from None
    return torch.from_numpy(L).to(A.device)


def cholesky_solve(B: Float[Tensor, "m k"], L: Float[Tensor, "m m"]) -> Float[Tensor, "m k"]:
    """(LLᵀ)⁻¹B."""
    X = scipy.linalg.cho_solve((L.numpy(force=True), True), B.numpy(force=True), check_finite=False)
    return torch.from_numpy(X).to(B.device)


def positive_eigenpairs(A: Float[Tensor, "m m"]) -> tuple[Float[Tensor, " r"], Float[Tensor, "m r"]]:
    """Eigenvalues of a positive semidefinite matrix that are not 0 to rounding, and their eigenvectors as columns."""
    eigenpairs = scipy.linalg.eigh(A.numpy(force=True), driver="evd", check_finite=False)
    values, vectors = (torch.from_numpy(array).to(A.device) for array in eigenpairs)
    kept = values > len(A) * torch.finfo(A.dtype).eps * values[-1]
    return values[kept], vectors[:, kept]
