"""Training features larger than memory: rows of a memory map that are scaled when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64
from numpy import ndarray as Array
from torch import Tensor

from zsl.data.row_blocks import RowBlocks
from zsl.data.scaling import Scaling
from zsl.errors import InputError
from zsl.files.claimed_size import machine_memory

IN_MEMORY = 1 << 30
"""bytes of features that are read into memory, and scaled there, once for all"""
CHUNK, WINDOW = 1 << 17, 1 << 27
"""bytes of neighbouring rows that are read together, and of rows that are shuffled together"""
BLOCK = 4096
"""rows that are read at a time where all are needed"""
Mapped = Callable[[Float[Tensor, "rows d"], Int[Tensor, " rows"]], Float[Tensor, "rows d"]]
"""rows and their places -> rows"""


class StoredRows:
    """Rows of a feature matrix that stay where they are, such as on disk, and are scaled when they are read.

    They stand where a tensor of features stands: ``len``, ``shape``, ``dtype``, ``device``, ``to``, ``split`` and an
    index of row numbers (a tensor of any shape, or a slice) mean the same. Everything that is read is a new tensor.

    Args:
        features: n × d, float32.
        at: row numbers of the images in ``features``.
        scaling: applied to every row that is read.
        device: where tensors that are read are put.
        chunk: bytes of neighbouring rows that `windows` keeps together.
        window: bytes of a window.
        then: applied to every tensor of rows that is read, with their places in ``at``, row by row.
    """

    dtype = torch.float32
    ndim = 2

    def __init__(
        self,
        features: Float32[Array, "n d"] | RowBlocks,
        at: Int64[Array, " m"],
        scaling: Scaling,
        device: torch.device | str = "cpu",
        chunk: int = CHUNK,
        window: int = WINDOW,
        then: Mapped | None = None,
    ) -> None:
        self._features, self._at, self._scaling = features, at, scaling
        self.device = torch.device(device)
        self.shape = torch.Size((len(at), features.shape[1]))
        self._chunk, self._window, self._then = chunk, window, then

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, index: Int[Tensor, "*shape"] | slice) -> Float[Tensor, "*shape d"]:
        at = self._at[index if isinstance(index, slice) else index.numpy(force=True)]
        rows = torch.from_numpy(self._read(at.ravel())).to(self.device)
        if self._then:
            places = torch.arange(len(self))[index] if isinstance(index, slice) else index
            rows = self._then(rows, places.flatten().to(self.device))
        return rows.view(*at.shape, self.shape[1])

    def _read(self, at: Int64[Array, " m"]) -> Float32[Array, "m d"]:
        neighbours = len(at) > 0 and at[-1] - at[0] == len(at) - 1 and bool((np.diff(at) == 1).all())
        x = self._features[at[0] : at[-1] + 1] if neighbours else self._features[at]
        own = self._scaling.kind == "none" and not neighbours
        return np.asarray(x) if own else self._scaling(np.asarray(x))

    def split(self, size: int) -> Iterator[Float[Tensor, "rows d"]]:
        """Read all rows in order, ``size`` at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def to(self, device: torch.device | str) -> StoredRows | Float[Tensor, "n d"]:
        """Return the rows on another device: as a tensor if half of its free memory holds them."""
        device = torch.device(device)
        if device.type == "cuda" and self.nbytes < torch.cuda.mem_get_info(device)[0] / 2:
            rows = torch.empty(self.shape, device=device)
            for own, block in zip(torch.split(rows, BLOCK), self.split(BLOCK), strict=True):
                own.copy_(block)
            return rows
        return StoredRows(self._features, self._at, self._scaling, device, self._chunk, self._window, self._then)

    def mapped(self, f: Mapped) -> StoredRows:
        """Return rows to which ``f`` is applied, with their places, when they are read; they stay on this device."""
        assert self._then is None
        return StoredRows(self._features, self._at, self._scaling, self.device, self._chunk, self._window, f)

    @property
    def nbytes(self) -> int:
        """Return the bytes that all rows take in memory."""
        return 4 * self.shape.numel()

    def windows(self, batch_size: int, seed: int) -> Sequence[Int[Tensor, " rows"]]:
        """Return all row numbers, each once, in windows that fit into memory: a new division for every seed.

        A window consists of chunks from all over the matrix, each of neighbouring rows; it holds a multiple of
        ``batch_size`` rows, except for the last.
        """
        width = 4 * self.shape[1]
        chunk = max(1, self._chunk // width)
        generator = torch.Generator().manual_seed(seed)
        first = torch.randperm(-(-len(self) // chunk), generator=generator) * chunk
        order = (first.unsqueeze(1) + torch.arange(chunk)).flatten()
        size = max(1, self._window // width // batch_size) * batch_size
        return [rows.sort().values for rows in torch.split(order[order < len(self)], size)]


def blocks(x: Float[Tensor, "n d"] | StoredRows, size: int) -> Iterable[Float[Tensor, "rows d"]]:
    """Return all rows in order, ``size`` at a time; stored rows are read when their turn comes."""
    return torch.split(x, size) if isinstance(x, Tensor) else x.split(size)


def each(
    f: Callable[[Float[Tensor, "rows d"]], Float[Tensor, "rows r"]], x: Float[Tensor, "n d"] | StoredRows
) -> Float[Tensor, "n r"]:
    """Return f of all rows in memory, where f maps every row by itself.

    Raises:
        InputError: x is not in memory, and f(x) needs more memory than this machine has.
    """
    if isinstance(x, Tensor):
        return f(x)
    first = f(x[:1])
    needed, there = len(x) * first.numel() * first.element_size(), machine_memory()
    if there is not None and needed > there:
        raise InputError(
            f"method: needs {needed / 1e9:.1f} GB for features of all training images at once, and this machine has "
            f"{there / 1e9:.1f} GB of memory; choose a method that reads them in blocks, such as eszsl, sae, ridge, "
            "conse, ale"
        )
    made = first.new_empty(len(x), *first.shape[1:])
    for own, rows in zip(torch.split(made, BLOCK), x.split(BLOCK), strict=True):
        own.copy_(f(rows))
    return made


def in_memory(x: Float[Tensor, "n d"] | StoredRows) -> Float[Tensor, "n d"]:
    """Return all rows in memory, for methods that need them at once.

    Raises:
        InputError: they need more memory than this machine has.
    """
    return each(lambda rows: rows, x)
