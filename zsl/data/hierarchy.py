"""Hierarchies of classes: is-a edges among synsets, of which some are classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64
from numpy import ndarray as Array


@dataclass(frozen=True)
class Hierarchy:
    """Undirected graph of is-a edges; memory O(nodes + edges), and no distance is stored.

    The neighbours of node v, its parents and its children, are ``neighbours[starts[v]:starts[v + 1]]``.
    """

    starts: Int64[Array, " nodes+1"]
    neighbours: Int32[Array, " edges"]
    node: Mapping[str, int]
    """name of a class -> its node"""

    @classmethod
    def of_edges(
        cls, nodes: int, child: Int64[Array, " edges"], parent: Int64[Array, " edges"], node: Mapping[str, int]
    ) -> Hierarchy:
        """Return the hierarchy of ``nodes`` nodes in which ``child[i]`` is a ``parent[i]``."""
        ends = np.unique(np.stack([np.append(child, parent), np.append(parent, child)], axis=1), axis=0)
        starts = np.append(0, np.cumsum(np.bincount(ends[:, 0], minlength=nodes)))
        return cls(starts, ends[:, 1].astype(np.int32), node)

    def nodes(self, names: Sequence[str]) -> Int64[Array, " classes"]:
        """Return the nodes of classes.

        Raises:
            KeyError: a class has no node.
        """
        return np.array([self.node[name] for name in names], dtype=np.int64)

    def rings(self, origin: Int64[Array, " m"], visited: Int64[Array, " nodes"], mark: int) -> Iterator[Array]:
        """Yield the nodes at distance 0, 1, 2, … from the nearest of ``origin``, until there are none.

        Args:
            origin: distinct nodes.
            visited: scratch memory for calls one after the other; no entry may be ``mark``.
            mark: what ``visited`` holds afterwards for all nodes that were yielded.
        """
        ring = np.asarray(origin, dtype=np.int64)
        while len(ring):
            visited[ring] = mark
            yield ring
            counts = self.starts[ring + 1] - self.starts[ring]
            first = np.repeat(self.starts[ring] - (np.cumsum(counts) - counts), counts)
            near = self.neighbours[first + np.arange(len(first))]
            ring = np.unique(near[visited[near] != mark]).astype(np.int64)

    def distances(self, origin: Int64[Array, " m"]) -> Int64[Array, " nodes"]:
        """Return the number of edges between every node and the nearest of ``origin``; -1 where there is no path."""
        distance = np.full(len(self.starts) - 1, -1)
        for edges, ring in enumerate(self.rings(np.unique(origin), np.zeros_like(distance), 1)):
            distance[ring] = edges
        return distance
