"""Rows of several matrices as one matrix, without a copy: features in memory-mapped shards."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray as Array


class RowBlocks:
    """Read-only rows of several arrays, one after the other, indexed along the first axis like one array.

    A slice that lies within one block is a view of it; every other index copies the rows that it names.

    Args:
        blocks: arrays of one dtype whose shapes agree but for the number of rows; at least one.

    Raises:
        ValueError: there is no block, or dtypes or shapes differ.
    """

    def __init__(self, blocks: Sequence[Shaped[Array, "..."]]) -> None:
        if not blocks or len({(block.dtype, block.shape[1:]) for block in blocks}) != 1:
            raise ValueError("blocks of rows need one dtype and one shape of a row")
        self.blocks = tuple(blocks)
        self._starts = np.cumsum([0, *map(len, blocks)])
        self.dtype: np.dtype[Any] = blocks[0].dtype
        self.shape: tuple[int, ...] = (int(self._starts[-1]), *blocks[0].shape[1:])
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Shaped[Array, "..."]]:
        return (row for block in self.blocks for row in block)

    def __getitem__(self, index: Any) -> Shaped[Array, "..."]:
        """Return a row, a slice of rows, or the rows that an array of row numbers or a mask names.

        Raises:
            IndexError: a row number is out of range, or further axes are indexed.
        """
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return self._between(start, max(start, stop))
            index = np.arange(start, stop, step)
        elif not isinstance(index, list | tuple | Array):
            row = operator.index(index)
            row += len(self) * (row < 0)
            if not 0 <= row < len(self):
                raise IndexError(f"row {index} is out of range; there are {len(self)} rows")
            found: Array = self._between(row, row + 1)[0]
            return found
        if not isinstance(index, Array) or index.dtype.kind != "i":
            index = np.arange(len(self))[index]
        if index.size and not -len(self) <= index.min() <= index.max() < len(self):
            raise IndexError(f"rows {index.min()} to {index.max()} are out of range; there are {len(self)} rows")
        return self._gathered(index + len(self) * (index < 0))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Shaped[Array, "..."]:
        """Return all rows in memory."""
        if copy is False:
            raise ValueError("blocks of rows become one array by a copy alone")
        return np.concatenate(self.blocks, dtype=dtype or self.dtype)

    def _between(self, start: int, stop: int) -> Shaped[Array, "..."]:
        first = int(np.searchsorted(self._starts[1:-1], start, side="right"))
        last = max(first, int(np.searchsorted(self._starts[1:-1], stop - 1, side="right")))
        parts = [
            self.blocks[i][max(start - self._starts[i], 0) : max(stop - self._starts[i], 0)]
            for i in range(first, last + 1)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _gathered(self, index: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
        rows = index.reshape(-1)
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        place = np.searchsorted(self._starts[1:-1], rows, side="right")
        order = np.argsort(place, kind="stable")
        ends = np.searchsorted(place[order], np.arange(len(self.blocks)), side="right")
        start = 0
        for i, end in enumerate(ends.tolist()):
            if end > start:
                own = order[start:end]
                found[own] = self.blocks[i][rows[own] - self._starts[i]]
            start = end
        return found.reshape(*index.shape, *self.shape[1:])
