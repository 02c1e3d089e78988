"""Losses of linear scores Z = XW + 1bᵀ in the coordinates of the principal axes of the features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.stored_rows import BLOCK, StoredRows
from zsl.devices import multiplies_bfloat16
from zsl.methods.closed_form.moments import Features, eigenpairs, gram

BLUR = 0.05
"""least share of the gradient to which Newton steps are solved with products in bfloat16; their relative error is below
0.002 in what was measured"""
Hessian: TypeAlias = Callable[[Float[Tensor, "n m"]], Float[Tensor, "n m"]]
"""A ↦ ∇²ℓ(Z) A, in the precision of A, which may be written to"""


class Derivatives(NamedTuple):
    """Derivatives of ℓ at Z."""

    gradient: Float[Tensor, "n m"]
    curvature: Float[Tensor, " m"]
    """c_m, the mean over images of ∂²ℓ/∂z_nm²"""


class Loss(Protocol):
    """A convex ℓ(Z), summed over images."""

    separable: bool
    """whether ℓ is a sum over the columns of Z, so that each column is a problem of its own"""
    smooth: bool
    """whether ∂²ℓ/∂z² is continuous"""

    def of(self, rows: slice) -> Self:
        """Return the loss of these images alone."""

    def value(self, Z: Float[Tensor, "n m"]) -> Tensor:
        """Return ℓ: a scalar, or one number for each column where the columns are separable."""

    def derivatives(self, Z: Float[Tensor, "n m"]) -> Derivatives:
        """Return gradient and mean curvatures at Z."""

    def hessian(self, Z: Float[Tensor, "n m"]) -> Hessian:
        """Return the Hessian at Z, as a function."""

    def take(self, columns: Int[Tensor, " c"]) -> Self:
        """Return the loss of these columns alone; they must be separable."""


@dataclass(frozen=True)
class Space:
    """Coordinates V of (W; bᵀ) in which z = RV, along the principal axes of the centred features.

    scale² is the diagonal c s + λ of an upper bound on the Hessian, and c n for the bias; f = ℓ(RV) + ½ Σ penalty V².
    """

    penalty: Float[Tensor, "d+1 1"]
    scale: Float[Tensor, "d+1 1"]
    axes: Float[Tensor, "d d"]
    mean: Float[Tensor, " d"]
    reach: float
    """r"""
    lamb: float
    bound: float

    @classmethod
    def of(
        cls, scatter: Float[Tensor, "d d"], mean: Float[Tensor, " d"], reach: float, n: int, lamb: float, bound: float
    ) -> Space:
        """Return the coordinates for the scatter matrix and the mean of n images."""
        spread, axes = eigenpairs(scatter)
        squares = torch.cat([bound * spread.clamp(min=0) + lamb, spread.new_tensor([bound * n])]).unsqueeze(1)
        penalty, scale = lamb / squares, squares.sqrt()
        penalty[-1] = 0
        return cls(penalty, scale, axes, mean, reach, lamb, bound)

    def weights(self, V: Float[Tensor, "d+1 m"]) -> tuple[Float[Tensor, "d m"], Float[Tensor, " m"]]:
        """Return W and b at V."""
        U = V / self.scale
        W = self.axes @ U[:-1]
        return W, U[-1] - self.mean @ W


class Images(Protocol):
    """Images: ℓ(RV) and its derivatives at a place V, which moves."""

    n: int
    loss: Loss
    enough: float
    """f less its minimum, an image, that is near enough"""

    @property
    def blur(self) -> float:
        """Least share of the gradient to which Newton steps are solved, because `times` errs."""

    def start(self, V: Float[Tensor, "d+1 m"]) -> Tensor:
        """Go to V, and return ℓ."""

    def along(self, S: Float[Tensor, "d+1 m"]) -> Callable[[Tensor], Tensor]:
        """Return the function t ↦ ℓ(R(V + tS))."""

    def go(self, t: Tensor) -> None:
        """Go to V + tS."""

    def derivatives(self) -> tuple[Float[Tensor, "d+1 m"], Float[Tensor, " m"]]:
        """Return the gradient Rᵀ∇ℓ and the mean curvatures c."""

    def times(self, p: Float[Tensor, "d+1 m"]) -> Float[Tensor, "d+1 m"]:
        """Return Rᵀ ∇²ℓ Rp."""

    def exactly(self) -> None:
        """Compute these products in float64 from now on."""

    def take(self, columns: Int[Tensor, " c"]) -> Self:
        """Return the same for these columns of V."""


def in_coordinates(x: Features, loss: Loss, lamb: float, bound: float) -> tuple[Images, Space]:
    """Return images and the coordinates of W and b: in memory where the features are, else read whenever used."""
    return _held(x, loss, lamb, bound) if isinstance(x, Tensor) else _stored(x, loss, lamb, bound)


def _held(x: Float[Tensor, "n d"], loss: Loss, lamb: float, bound: float) -> tuple[_Held, Space]:
    x = x.double()
    mean = x.mean(dim=0)
    x = x - mean
    space = Space.of(x.T @ x, mean, x.norm(dim=1).max().item(), len(x), lamb, bound)
    R = torch.cat([x @ space.axes, x.new_ones(len(x), 1)], dim=1) / space.scale.T
    return _Held(R, R.float(), loss), space


class _Held:
    """R and Z = RV in memory."""

    enough = blur = 0.0

    def __init__(self, R: Float[Tensor, "n d+1"], factor: Float[Tensor, "n d+1"], loss: Loss) -> None:
        self.R, self.factor, self.loss, self.n = R, factor, loss, len(R)

    def start(self, V: Float[Tensor, "d+1 m"]) -> Tensor:
        self.Z = self.R @ V
        return self.loss.value(self.Z)

    def along(self, S: Float[Tensor, "d+1 m"]) -> Callable[[Tensor], Tensor]:
        self.RS = self.R @ S
        return lambda t: self.loss.value(self.Z + t * self.RS)

    def go(self, t: Tensor) -> None:
        self.Z = self.Z + t * self.RS

    def derivatives(self) -> tuple[Float[Tensor, "d+1 m"], Float[Tensor, " m"]]:
        gradient, curvature = self.loss.derivatives(self.Z)
        self.hessian = self.loss.hessian(self.Z)
        return self.R.T @ gradient, curvature

    def times(self, p: Float[Tensor, "d+1 m"]) -> Float[Tensor, "d+1 m"]:
        return (self.factor.T @ self.hessian(self.factor @ p.to(self.factor.dtype))).double()

    def exactly(self) -> None:
        self.factor = self.R

    def take(self, columns: Int[Tensor, " c"]) -> _Held:
        some = _Held(self.R, self.factor, self.loss.take(columns))
        some.Z = self.Z[:, columns]
        return some


def _stored(x: StoredRows, loss: Loss, lamb: float, bound: float) -> tuple[_Stored, Space]:
    n = len(x)
    mean = sum((rows.double().sum(dim=0) for rows in x.split(BLOCK)), torch.zeros((), device=x.device)) / n
    reach = max((rows.double() - mean).norm(dim=1).max().item() for rows in x.split(BLOCK))
    space = Space.of(gram(x) - n * mean.outer(mean), mean, reach, n, lamb, bound)
    return _Stored(x, loss, space), space


class _Stored:
    """Rows that are read for every value and every product; neither R nor Z is kept.

    RV of centred rows C is C (Q ⊘ scale) V + v/√(cn), with v the last row of V. Products are in float32, those with the
    Hessian in bfloat16 where the machine multiplies it faster, and sums over blocks of rows in float64.
    """

    enough = 1e-6

    def __init__(self, x: StoredRows, loss: Loss, space: Space) -> None:
        self.x, self.loss, self.space, self.n = x, loss, space, len(x)
        self.axes = space.axes / space.scale[:-1].T
        self.dtype = torch.float32
        self.rough = torch.bfloat16 if multiplies_bfloat16(x.device) else torch.float32

    @property
    def blur(self) -> float:
        return BLUR if self.rough is torch.bfloat16 else 0.0

    def start(self, V: Float[Tensor, "d+1 m"]) -> Tensor:
        self.V = V
        value, self.gradient, self.curvature = self._evaluated(V)
        return value

    def along(self, S: Float[Tensor, "d+1 m"]) -> Callable[[Tensor], Tensor]:
        def value(t: Tensor) -> Tensor:
            self.there = self.V + t * S
            there, *self.next = self._evaluated(self.there)
            return there

        return value

    def go(self, t: Tensor) -> None:  # noqa: ARG002
        self.V, (self.gradient, self.curvature) = self.there, self.next

    def derivatives(self) -> tuple[Float[Tensor, "d+1 m"], Float[Tensor, " m"]]:
        return self.gradient, self.curvature

    def times(self, p: Float[Tensor, "d+1 m"]) -> Float[Tensor, "d+1 m"]:
        here, along = self._folded(self.V), self._folded(p)
        total = _Gathered(p)
        for rows, loss in self._blocks(self.rough):
            Z, A = (_z(rows, to).to(self.dtype) for to in (here, along))
            total.add(rows, loss.hessian(Z)(A))
        return self._unfolded(total)

    def exactly(self) -> None:
        if self.rough is torch.float32:
            self.dtype = torch.float64
        self.rough = self.dtype

    def take(self, columns: Int[Tensor, " c"]) -> _Stored:
        some = _Stored(self.x, self.loss.take(columns), self.space)
        some.dtype, some.rough, some.V = self.dtype, self.rough, self.V[:, columns]
        some.gradient, some.curvature = self.gradient[:, columns], self.curvature[columns]
        return some

    def _evaluated(self, V: Float[Tensor, "d+1 m"]) -> tuple[Tensor, Float[Tensor, "d+1 m"], Float[Tensor, " m"]]:
        value, total, curvature = V.new_zeros(()), _Gathered(V), V.new_zeros(V.shape[1])
        folded = self._folded(V)
        for rows, loss in self._blocks(self.dtype):
            Z = _z(rows, folded)
            here = loss.derivatives(Z)
            value = value + loss.value(Z).double()
            total.add(rows, here.gradient)
            curvature += here.curvature * (len(rows) / self.n)
        return value, self._unfolded(total), curvature

    def _blocks(self, dtype: torch.dtype) -> Iterator[tuple[Float[Tensor, "rows d"], Loss]]:
        mean, start = self.space.mean.to(self.dtype), 0
        for rows in self.x.split(BLOCK):
            yield (rows.to(self.dtype) - mean).to(dtype), self.loss.of(slice(start, start + len(rows)))
            start += len(rows)

    def _folded(self, V: Float[Tensor, "d+1 m"]) -> tuple[Tensor, Tensor]:
        return self.axes @ V[:-1], V[-1] / self.space.scale[-1]

    def _unfolded(self, total: _Gathered) -> Float[Tensor, "d+1 m"]:
        return torch.cat([self.axes.T @ total.W, total.b / self.space.scale[-1]])


class _Gathered:
    """CᵀG of centred rows and 1ᵀG, summed over blocks in float64, for as many columns as ``V`` has."""

    def __init__(self, V: Float[Tensor, "d+1 m"]) -> None:
        self.W, self.b = torch.zeros_like(V[:-1]), torch.zeros_like(V[-1:])

    def add(self, rows: Float[Tensor, "rows d"], G: Float[Tensor, "rows m"]) -> None:
        self.W += rows.T @ G.to(rows.dtype)
        self.b += G.sum(dim=0, keepdim=True)


def _z(rows: Float[Tensor, "rows d"], folded: tuple[Tensor, Tensor]) -> Float[Tensor, "rows m"]:
    W, b = (part.to(rows.dtype) for part in folded)
    return torch.addmm(b, rows, W)
