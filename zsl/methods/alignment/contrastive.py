"""Contrastive losses of image–text pairs, in which pairs of one class are positives of each other.

Rows are the pairs of this process, columns those of all processes that share the batch: :func:`gathered`.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, distributed
from torch.nn.functional import log_softmax, logsigmoid, pad


def positives(rows: Int[Tensor, " n"], columns: Int[Tensor, " m"]) -> Bool[Tensor, "n m"]:
    """Return which pairs are of one class."""
    return rows.unsqueeze(1) == columns.unsqueeze(0)


def infonce(logits: Float[Tensor, "n m"], positive: Bool[Tensor, "n m"]) -> Float[Tensor, ""]:
    """Return the mean over rows of -1/|P| Σ_{j ∈ P} log softmax(logits)[j], with P the positives of the row."""
    p = positive.to(logits.dtype)
    return -((p * log_softmax(logits, dim=1)).sum(dim=1) / p.sum(dim=1)).mean()


def sigmoid(logits: Float[Tensor, "n m"], positive: Bool[Tensor, "n m"]) -> Float[Tensor, ""]:
    """Return the mean over rows of -Σ_j log σ(±logits[j]), with + for positives and - for all others."""
    return -logsigmoid(torch.where(positive, logits, -logits)).sum(dim=1).mean()


class _Exchanged(torch.autograd.Function):
    """Equal blocks of all processes, one below the other; the gradient of a block is the sum of all processes'."""

    @staticmethod
    def forward(_context: object, own: Tensor) -> Tensor:
        """Return the blocks of all processes, in their order."""
        blocks = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(blocks, own.contiguous())
        return torch.cat(blocks)

    @staticmethod
    def backward(_context: object, *gradients: Tensor) -> Tensor:
        """Return the part of this process of the summed gradient."""
        (gradient,) = gradients
        total = gradient.contiguous()
        distributed.all_reduce(total)
        return total.chunk(distributed.get_world_size())[distributed.get_rank()]


def gathered(own: Tensor) -> Tensor:
    """Return the rows of all processes that share a batch, differentiable; ``own`` where there is one process.

    Processes may have different numbers of rows.
    """
    if not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1):
        return own
    count = torch.tensor([len(own)], device=own.device)
    counts = [torch.empty_like(count) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, count)
    sizes = [int(size) for size in counts]
    padding = [0, 0] * (own.ndim - 1) + [0, max(sizes) - len(own)]
    blocks = _Exchanged.apply(pad(own, padding)).chunk(len(sizes))  # type: ignore[no-untyped-call]
    return torch.cat([block[:size] for block, size in zip(blocks, sizes, strict=True)])
