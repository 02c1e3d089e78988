"""Retrieval: queries rank a gallery of embeddings by cosine, and find the rows that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation import hubness
from zsl.evaluation.corrections.correction import Blocks, Correction
from zsl.evaluation.scored_images import rows_per_block


@dataclass(frozen=True)
class Search:
    """Embeddings of queries and of a gallery, all of length 1; rows of the same group belong together.

    Attributes:
        queries: one row a query.
        gallery: one row an item that is searched for.
        asked: group of every query.
        owned: group of every item of the gallery.
        same: the gallery is the queries; a query is then no answer to itself.
    """

    queries: Float64[Array, "n d"]
    gallery: Float64[Array, "m d"]
    asked: Int64[Array, " n"]
    owned: Int64[Array, " m"]
    same: bool = False

    @property
    def cosines(self) -> Blocks:
        """Cosines of consecutive queries with the gallery, made block by block.

        With ``same``, the cosine of a query with itself is replaced by the lowest of its row, so that a correction
        counts no query among its own neighbours.
        """
        return Blocks((len(self.queries), len(self.gallery)), self._blocks)

    def _blocks(self) -> Iterator[Float64[Array, "rows m"]]:
        step = rows_per_block(len(self.gallery))
        for start in range(0, len(self.queries), step):
            block = self.queries[start : start + step] @ self.gallery.T
            if self.same:
                rows = np.arange(len(block))
                block[rows, start + rows] = np.inf
                block[rows, start + rows] = block.min(axis=1)
            yield block


@dataclass(frozen=True)
class Retrieval:
    """What every query finds, and how often an item is found.

    Attributes:
        first: rank of the first item of the query's group, from 1; 0 where the gallery holds none.
        precision: average precision in [0, 1]; NaN where the gallery holds no item of the query's group.
        occurrence: N_k, the number of queries with an item among their k best.
        k: the k of ``occurrence``.
    """

    first: Int64[Array, " n"]
    precision: Float64[Array, " n"]
    occurrence: Int64[Array, " m"]
    k: int

    def metrics(self, at: Sequence[int] = (1, 5, 10)) -> dict[str, float | int]:
        """Return R@k and mAP in percent, the median rank, and the hubness of the gallery.

        R@k is the share of queries with an item of their group among the k best, and mAP the mean of average precision.
        Queries without any such item are counted as ``undefined`` and left out; ``hubs`` and ``antihubs`` are shares of
        the gallery in percent.

        Raises:
            InputError: no query has an item of its group in the gallery, or some k < 1.
        """
        if any(k < 1 for k in at):
            raise InputError(f"k: {', '.join(map(str, at))}; every k of R@k must be at least 1")
        asked = self.first > 0
        if not asked.any():
            raise InputError("groups: no query has an item of its group in the gallery; check the groups of both sides")
        N, k = self.occurrence, self.k
        return {
            **{f"R@{k}": 100 * float(np.mean(self.first[asked] <= k)) for k in at},
            "mAP": 100 * float(np.mean(self.precision[asked])),
            "median_rank": float(np.median(self.first[asked])),
            f"N{k}_skewness": hubness.skewness(N),
            f"N{k}_robin_hood": hubness.robin_hood(N),
            f"N{k}_hubs": 100 * float(np.mean(hubness.hubs(N))),
            f"N{k}_antihubs": 100 * float(np.mean(hubness.antihubs(N))),
            "queries": int(asked.sum()),
            "undefined": int((~asked).sum()),
        }


def retrieve(search: Search, correction: Correction, k: int = 10) -> Retrieval:
    """Rank the gallery for every query by corrected cosines; of equal ones the lowest row comes first.

    A query's average precision is the mean, over the items of its group, of the share of its group among the items up
    to that one. Blocks of cosines are made twice where the correction reads all of them first, and are not kept.

    Args:
        search: queries and gallery.
        correction: of the matrix queries × gallery; a transductive one reads all queries together.
        k: of the k-occurrence.

    Raises:
        InputError: k is not between 1 and the number of items that a query can find, or the correction cannot be used.
    """
    n, m = search.cosines.shape
    findable = m - search.same
    if not 1 <= k <= findable:
        raise InputError(f"k-occurrence: k = {k} with {findable} items to find; give 1 ≤ k ≤ {findable}")
    correct = correction.fitted(search.cosines, np.zeros(m, dtype=bool))
    first, precision, occurrence, start = np.zeros(n, np.int64), np.full(n, np.nan), np.zeros(m, np.int64), 0
    for block in search.cosines:
        scores, rows = np.asarray(correct(block, start)).copy(), np.arange(len(block))
        if search.same:
            scores[rows, start + rows] = -np.inf
        ranking = torch.from_numpy(scores).sort(dim=1, descending=True, stable=True).indices[:, :findable].numpy()
        occurrence += np.bincount(ranking[:, :k].ravel(), minlength=m)
        right = search.owned[ranking] == search.asked[start + rows][:, None]
        of_group = right.sum(axis=1)
        first[start + rows] = np.where(of_group > 0, right.argmax(axis=1) + 1, 0)
        with np.errstate(invalid="ignore"):
            share = np.cumsum(right, axis=1) / np.arange(1, findable + 1)
            precision[start + rows] = (share * right).sum(axis=1) / of_group
        start += len(block)
    return Retrieval(first, precision, occurrence, k)
